/*
 * The interrupt entries of the self-debugging guest.  Each is four instructions that work wherever they are:
 * a classic core gets them copied to its vectors, a BookE core is pointed at them with IVPR and IVORn.
 * All lead to handle(), which gets a struct frame.
 */
        .cfi_sections .debug_frame

        .set    FRAME, 80
        .set    KIND, 8
        .set    PC, 12
        .set    MSR, 16
        .set    R0, 20
        .set    R3, 24
        .set    CR, 64
        .set    LR, 68
        .set    CTR, 72
        .set    XER, 76

        .macro  entry name, kind, save
        .balign 16                      /* IVORn has no lower four bits */
        .globl  \name
\name:
        stwu    1, -FRAME(1)
        stw     3, R3(1)
        li      3, \kind
        ba      \save
        .endm

        .text
        entry   entry_data_storage, 0, save_and_handle
        entry   entry_program, 1, save_and_handle
        entry   entry_system_call, 2, save_and_handle
        entry   entry_trace, 3, save_and_handle
        entry   entry_address_breakpoint, 4, save_and_handle
        entry   entry_data_tlb, 5, save_and_handle
        entry   entry_debug_critical, 6, save_and_handle_critical
        entry   entry_debug, 6, save_and_handle_debug

/* The rest of an entry, by the registers an interrupt saves to and the instruction that returns from it. */
        .macro  body name, save0, save1, return:vararg
        .globl  \name
        .type   \name, @function
\name:
        .cfi_startproc simple
        .cfi_def_cfa 1, FRAME
        .cfi_undefined lr
        stw     3, KIND(1)
        stw     0, R0(1)
        .set    register, 4
        .rept   9
        stw     register, R3 + 4 * (register - 3)(1)
        .set    register, register + 1
        .endr
        mfcr    4
        mflr    5
        mfctr   6
        mfxer   7
        mfspr   8, \save0
        mfspr   9, \save1
        stw     4, CR(1)
        stw     5, LR(1)
        stw     6, CTR(1)
        stw     7, XER(1)
        stw     8, PC(1)
        stw     9, MSR(1)
        mr      3, 1
        bl      handle
        lwz     4, CR(1)
        lwz     5, LR(1)
        lwz     6, CTR(1)
        lwz     7, XER(1)
        lwz     8, PC(1)
        lwz     9, MSR(1)
        mtcrf   0xff, 4
        mtlr    5
        mtctr   6
        mtxer   7
        mtspr   \save0, 8
        mtspr   \save1, 9
        lwz     0, R0(1)
        .set    register, 3
        .rept   10
        lwz     register, R3 + 4 * (register - 3)(1)
        .set    register, register + 1
        .endr
        addi    1, 1, FRAME
        .globl  \name\()_return
\name\()_return:
        \return
        .cfi_endproc
        .size   \name, . - \name
        .endm

        body    save_and_handle, 26, 27, rfi                            /* SRR0, SRR1 */
        body    save_and_handle_critical, 58, 59, .long 0x4c000066      /* CSRR0, CSRR1; rfci */
        body    save_and_handle_debug, 574, 575, .long 0x4c00004e       /* DSRR0, DSRR1; rfdi */

        .section .note.GNU-stack, "", @progbits
