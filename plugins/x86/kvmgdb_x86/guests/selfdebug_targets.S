/*
 * What the self-debugging guest debugs: small functions whose instructions have names, so that a check
 * knows every address at which an exception must find it.
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
        ret
        end_function \name
        .endm

        .text
        one     trap_int3, int3
        one     trap_int_3, .byte 0xcd, 0x03    /* INT 3 in two bytes */
        one     trap_int_0x20, int $0x20
        one     trap_icebp, .byte 0xf1          /* INT1: #DB (SDM vol. 2, "INT n") */
        one     invalid, ud2
        one     load_bad_selector, movw %di, %ds

/* Three in a row, with nothing between. */
        function trap_thrice
        int3
        place   trap_thrice_1
        int3
        place   trap_thrice_2
        int3
        place   trap_thrice_3
        ret
        end_function trap_thrice

        function divide_by_zero
        movl    $100, %eax
        xorl    %edx, %edx
        xorl    %ecx, %ecx
        place   divide_by_zero_div
        divl    %ecx
        place   divide_by_zero_after
        ret
        end_function divide_by_zero

/* (address) or (address, value): one access each. */
        one     load_1, movzbl (%rdi), %eax
        one     load_4, movl (%rdi), %eax
        one     store_1, movb %sil, (%rdi)
        one     store_2, movw %si, (%rdi)
        one     store_4, movl %esi, (%rdi)
        one     store_8, movq %rsi, (%rdi)
        one     add_4, addl %esi, (%rdi)        /* reads and writes: must not happen twice */

/* What DR0 and a planted INT3 are set on: adds 1 to its argument and returns it. */
        function bump
        leal    1(%rdi), %eax
        place   bump_middle
        nop
        ret
        end_function bump

/*
 * Ten instructions under TF.  POPF sets it; the first trap comes after the instruction behind POPF
 * (SDM vol. 3, "Single-Step Exception Condition"), and each iteration of a REP counts as one.
 * Returns what PUSHF found, TF and all.
 */
        function stepped
        pushfq
        .cfi_adjust_cfa_offset 8
        orl     $0x100, (%rsp)
        popfq
        .cfi_adjust_cfa_offset -8
        place   stepped_first
        movl    $3, %ecx
        place   stepped_1
        leaq    step_area(%rip), %rdi
        place   stepped_2
        rep stosb
        place   stepped_3
        jmp     stepped_4
        ud2                                     /* jumped over */
        place   stepped_4
        call    stepped_leaf
        place   stepped_5
        pushfq
        .cfi_adjust_cfa_offset 8
        place   stepped_6
        popq    %rax
        .cfi_adjust_cfa_offset -8
        place   stepped_last
        ret
        end_function stepped

        function stepped_leaf
        nop
        place   stepped_leaf_ret
        ret
        end_function stepped_leaf

/* Where each of the traps must find RIP. */
        .section .rodata
        .balign 8
        .globl  step_addresses, step_addresses_end
step_addresses:
        .quad   stepped_1, stepped_2, stepped_2, stepped_2, stepped_3, stepped_4
        .quad   stepped_leaf, stepped_leaf_ret, stepped_5, stepped_6, stepped_last
step_addresses_end:

        .bss
step_area:
        .skip   16

        .section .note.GNU-stack, "", @progbits
