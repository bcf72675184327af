/*
 * The exception entries of the self-debugging guest: 64-bit interrupt gates (SDM vol. 3, "64-Bit Mode IDT"
 * and "64-Bit Mode Stack Frame").  All lead to handle(), which gets everything as a struct frame.
 */
        .cfi_sections .debug_frame

/* Vectors whose frame already has an error code: #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP. */
        .set    ERROR_CODES, 1 << 8 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 17 | 1 << 21

        .text
        .globl  entries
        .balign 16
entries:                                /* 33 of them, 16 bytes apart: the exceptions, and INT 0x20 */
        .set    vector, 0
        .rept   33
        .balign 16
        .if     (ERROR_CODES >> vector & 1) == 0
        pushq   $0                      /* so that every frame looks the same */
        .endif
        pushq   $vector
        jmp     save_and_handle
        .set    vector, vector + 1
        .endr

        .globl  save_and_handle
        .type   save_and_handle, @function
save_and_handle:
        .cfi_startproc simple
        .cfi_def_cfa rsp, 24            /* vector, error code, and then RIP */
        .cfi_offset rip, -8
        .irp    register, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
        pushq   %\register
        .cfi_adjust_cfa_offset 8
        .endr
        cld
        movq    %rsp, %rdi
        call    handle
        .irp    register, r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax
        popq    %\register
        .cfi_adjust_cfa_offset -8
        .endr
        addq    $16, %rsp
        .cfi_adjust_cfa_offset -16
        .globl  back_from_handler
back_from_handler:
        iretq
        .cfi_endproc
        .size   save_and_handle, . - save_and_handle

        .section .note.GNU-stack, "", @progbits
