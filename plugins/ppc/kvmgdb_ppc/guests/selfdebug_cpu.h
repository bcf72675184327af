/*
 * The cores as the self-debugging guest sees them.  Sources: Book E and the PPC440x5 and e500 manuals, "Debug
 * Facilities"; the MPC603e, 750 and MPC7450 manuals, "Exceptions" and "IABR", "DABR".
 */
#ifndef SELFDEBUG_CPU_H
#define SELFDEBUG_CPU_H

enum {
    SPR_DSISR = 18, SPR_DAR = 19, SPR_SRR0 = 26, SPR_SRR1 = 27, SPR_DEAR = 61, SPR_ESR = 62, SPR_IVPR = 63,
    SPR_PVR = 287, SPR_DBSR = 304, SPR_DBCR0 = 308, SPR_DBCR1 = 309, SPR_IAC1 = 312, SPR_IAC2 = 313, SPR_DAC1 = 316,
    SPR_DAC2 = 317, SPR_IVOR2 = 402, SPR_IVOR6 = 406, SPR_IVOR8 = 408, SPR_IVOR13 = 413, SPR_IVOR15 = 415,
    SPR_IABR = 1010, SPR_DABR = 1013,
};

#define READ_SPR(number) ({ \
    unsigned value_; \
    __asm__ volatile("mfspr %0, %1" : "=r"(value_) : "i"(number)); \
    value_; })
#define WRITE_SPR(number, value) \
    __asm__ volatile("mtspr %0, %1; isync" : : "i"(number), "r"(value) : "memory")

#define MSR_SE 0x400u                   /* classic: a trace interrupt after each instruction */
#define MSR_BE 0x200u                   /* classic: after each branch */
#define MSR_DE 0x200u                   /* BookE: debug interrupts are taken */
#define MSR_IP 0x40u                    /* classic: the vectors are at 0xfff00000 */

/* DBCR0 and DBSR have these at the same places. */
#define DBCR0_IDM 0x40000000u
#define DBCR1_IAC12_INCLUSIVE 0x00800000u
#define DBSR_IDE 0x80000000u            /* the event came while MSR[DE] was 0 */
#define DB_ICMP 0x08000000u
#define DB_TRAP 0x01000000u
#define DB_IAC1 0x00800000u
#define DB_DAC1R 0x00080000u
#define DB_DAC1W 0x00040000u

#define IABR_ENABLE 2u
#define DABR_READ 1u
#define DABR_WRITE 2u
#define DSISR_DABR 0x00400000u
#define DSISR_STORE 0x02000000u

/* Why it is a program interrupt: SRR1 on a classic core, ESR on BookE. */
#define SRR1_ILLEGAL 0x00080000u
#define SRR1_TRAP 0x00020000u
#define SRR1_CAUSES 0x001f0000u
#define ESR_ILLEGAL 0x08000000u
#define ESR_TRAP 0x02000000u

static inline unsigned read_msr(void)
{
    unsigned value;
    __asm__ volatile("mfmsr %0" : "=r"(value));
    return value;
}

static inline void write_msr(unsigned value)
{
    __asm__ volatile("mtmsr %0; isync" : : "r"(value) : "memory");
}

/* An instruction was written: the copy-back data cache, then the instruction cache. */
static inline void sync_code(volatile void *where)
{
    __asm__ volatile("dcbst 0, %0; sync; icbi 0, %0; sync; isync" : : "r"(where) : "memory");
}

/* What this core has. */
struct core {
    unsigned version;                   /* high half of PVR; 0 ends the table */
    const char *name;
    int is_booke;
    int has_dabr;
    int debug_has_dsrr;                 /* debug interrupts save to DSRR0/1, not to CSRR0/1 */
};

/* What an entry has on the stack; selfdebug_handlers.S makes it. */
struct frame {
    unsigned back_chain, lr_of_callee;
    unsigned kind, pc, msr;
    unsigned r0, r3_to_r12[10];
    unsigned cr, lr, ctr, xer;
};

/* The kinds of interrupt, as the entries number them. */
enum { DATA_STORAGE, PROGRAM, SYSTEM_CALL, TRACE, ADDRESS_BREAKPOINT, DATA_TLB, DEBUG };

#endif
