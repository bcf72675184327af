/* Entry in flat 32-bit protected mode.  The machine gives the segments; the stack is our own. */
        .cfi_sections .debug_frame
        .section .text.start, "ax", @progbits
        .globl  _start
        .type   _start, @function
_start:
        .cfi_startproc
        .cfi_undefined eip              /* nobody called us: a backtrace ends here */
        movl    $stack_top, %esp
        xorl    %ebp, %ebp
        call    guest_main
        pushl   %eax
        call    exit_guest
        hlt
        .cfi_endproc
        .size   _start, . - _start

        .section .bss
        .balign 16
        .skip   8192
stack_top:

        .section .note.GNU-stack, "", @progbits
