/*
 * What the self-debugging guest debugs: small functions whose instructions have names, so that a check
 * knows every address at which an interrupt must find it.
 */
        .cfi_sections .debug_frame

        .macro  function name
        .globl  \name
        .type   \name, @function
\name:
        .cfi_startproc
        .endm

        .macro  end_function name
        .cfi_endproc
        .size   \name, . - \name
        .endm

        .macro  place name              /* name the next instruction */
        .globl  \name
\name:
        .endm

/* A function of one instruction: NAME, NAME_after, and a return. */
        .macro  one name, instruction:vararg
        function \name
        \instruction
        place   \name\()_after
        blr
        end_function \name
        .endm

        .text
        one     trap_always, tw 31, 0, 0        /* 0x7fe00008: today's gdb writes it */
        one     trap_old, .long 0x7d821008      /* twge r2, r2: gdb used to */
        one     trap_if_5, tweqi 3, 5
        one     illegal, .long 0
        one     system_call, sc

/* Three in a row, with nothing between. */
        function trap_thrice
        trap
        place   trap_thrice_1
        trap
        place   trap_thrice_2
        trap
        blr
        end_function trap_thrice

/* (address) or (address, value): one access each. */
        one     load_1, lbz 3, 0(3)
        one     load_4, lwz 3, 0(3)
        one     store_1, stb 4, 0(3)
        one     store_4, stw 4, 0(3)
        one     store_update, stwu 4, 4(3)      /* returns the updated address */

/* What IAC1, IABR and a planted trap are set on: adds 1 to its argument and returns it. */
        function bump
        addi    3, 3, 1
        place   bump_middle
        nop
        place   bump_end
        blr
        end_function bump

/* Lets debug interrupts of a BookE core in: MSR[DE], 0x200. */
        function enable_debug
        mfmsr   4
        ori     4, 4, 0x200
        mtmsr   4
        place   enable_debug_after
        isync
        blr
        end_function enable_debug

/*
 * Instructions that are stepped through.  The handler of the system call sets the step bits, which
 * take effect with its return.  Returns its argument plus 3.
 */
        function stepped
        mflr    0
        .cfi_register lr, 0
        sc
        place   stepped_first
        li      4, 3
        place   stepped_1
        mtctr   4
        place   stepped_loop
        addi    3, 3, 1
        place   stepped_loop_end
        bdnz    stepped_loop
        place   stepped_2
        bl      stepped_leaf
        place   stepped_3
        b       stepped_4
        .long   0                               /* jumped over */
        place   stepped_4
        mtlr    0
        .cfi_restore lr
        place   stepped_last
        blr
        end_function stepped

        function stepped_leaf
        nop
        place   stepped_leaf_end
        blr
        end_function stepped_leaf

/* Where each of the steps must end. */
        .section .rodata
        .balign 4
        .globl  step_addresses, step_addresses_end
step_addresses:
        .long   stepped_1, stepped_loop, stepped_loop_end, stepped_loop, stepped_loop_end, stepped_loop
        .long   stepped_loop_end, stepped_2, stepped_leaf, stepped_leaf_end, stepped_3, stepped_4
        .long   stepped_last
step_addresses_end:

        .section .note.GNU-stack, "", @progbits
