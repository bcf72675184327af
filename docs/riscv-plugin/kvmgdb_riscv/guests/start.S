/* Entry in machine mode, addresses untranslated.  The stack is our own. */
        .cfi_sections .debug_frame
        .section .text.start, "ax", @progbits
        .globl  _start
        .type   _start, @function
_start:
        .cfi_startproc
        .cfi_undefined ra               /* nobody called us: a backtrace ends here */
        la      sp, stack_top
        li      fp, 0
        call    guest_main
        call    exit_guest
        j       .
        .cfi_endproc
        .size   _start, . - _start

        .section .bss
        .balign 16
        .skip   8192
stack_top:

        .section .note.GNU-stack, "", @progbits
