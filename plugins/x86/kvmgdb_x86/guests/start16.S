/*
 * Entry in real mode, all segments 0.  gcc -m16 makes 32-bit calls, so the calls here are 32 bits wide too.
 *
 * An empty vector table would send a fault to 0:0, into a run through zeroed memory.  So faults stop at
 * fault_stop, where a debugger sees them, and #DB and #BP are ignored, as a PC's firmware does.
 */
        .code16
        .cfi_sections .debug_frame
        .section .text.start, "ax", @progbits
        .globl  _start
        .type   _start, @function
_start:
        .cfi_startproc
        .cfi_undefined eip              /* nobody called us: a backtrace ends here */
        movl    $stack_top, %esp
        xorl    %ebp, %ebp
        xorl    %ebx, %ebx
set_vector:
        movl    $fault_stop, (%bx)      /* offset, and segment 0 */
        addw    $4, %bx
        cmpw    $(32 * 4), %bx
        jb      set_vector
        movl    $ignore, (1 * 4)
        movl    $ignore, (3 * 4)
        calll   guest_main
        pushl   %eax
        calll   exit_guest
        hlt
        .cfi_endproc
        .size   _start, . - _start

        .text
        .globl  fault_stop
        .type   fault_stop, @function
fault_stop:
        cli
        hlt
        jmp     fault_stop
        .size   fault_stop, . - fault_stop

        .globl  ignore
        .type   ignore, @function
ignore:
        iretw
        .size   ignore, . - ignore

        .section .bss
        .balign 16
        .skip   4096
stack_top:

        .section .note.GNU-stack, "", @progbits
