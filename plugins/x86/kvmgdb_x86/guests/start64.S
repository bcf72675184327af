/* Entry in 64-bit long mode.  The machine gives paging and segments; the stack is our own. */
        .cfi_sections .debug_frame
        .section .text.start, "ax", @progbits
        .globl  _start
        .type   _start, @function
_start:
        .cfi_startproc
        .cfi_undefined rip              /* nobody called us: a backtrace ends here */
        movl    $stack_top, %esp        /* clears the upper half of rsp */
        xorl    %ebp, %ebp
        fninit
        call    guest_main
        movl    %eax, %edi
        call    exit_guest
        hlt
        .cfi_endproc
        .size   _start, . - _start

        .section .bss
        .balign 16
        .skip   8192
stack_top:

        .section .note.GNU-stack, "", @progbits
