/* Entry in supervisor state, addresses untranslated.  The stack is our own. */
        .cfi_sections .debug_frame
        .section .text.start, "ax", @progbits
        .globl  _start
        .type   _start, @function
_start:
        .cfi_startproc
        .cfi_undefined lr               /* nobody called us: a backtrace ends here */
        lis     1, first_frame@ha
        addi    1, 1, first_frame@l
        li      0, 0
        stw     0, 0(1)                 /* the back chain ends with 0 */
        bl      guest_main
        bl      exit_guest
        b       .
        .cfi_endproc
        .size   _start, . - _start

        .section .bss
        .balign 16
        .skip   8192
first_frame:
        .skip   16                      /* back chain and the place where guest_main saves lr */

        .section .note.GNU-stack, "", @progbits
