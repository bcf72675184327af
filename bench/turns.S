/* One source line that takes a thousand turns, for gdb's `next` to step over.
   The x86 instructions mean the same in 32- and in 64-bit mode. */
        .text
        .globl turns
        .type turns, @function
turns:
#ifdef __powerpc__
        li 3, 1000
        mtctr 3
1:      addi 4, 4, 1; xor 5, 5, 4; bdnz 1b
        nop
#else
        mov $1000, %ecx
        nop
1:      add $1, %eax; xor %eax, %ebx; sub $1, %ecx; jnz 1b
        nop
#endif
2:      nop
        .size turns, . - turns
