/* The processor as the self-debugging guest sees it: 64-bit mode (SDM vol. 3, "Debug Registers"). */
#ifndef SELFDEBUG_CPU_H
#define SELFDEBUG_CPU_H

enum { VECTOR_DE = 0, VECTOR_DB = 1, VECTOR_BP = 3, VECTOR_UD = 6, VECTOR_GP = 13, VECTOR_PF = 14 };
enum { VECTORS = 33 };                  /* the exceptions, and INT 0x20 */

#define RFLAGS_TF 0x100ul
#define RFLAGS_RF 0x10000ul

#define DR6_CLEAR 0xffff0ff0ul          /* what it reads as when nothing has happened */
#define DR6_STATUS 0xe00ful             /* BT, BS, BD, B3 to B0 */
#define DR6_BS 0x4000ul

#define DR7_CLEAR 0x400ul
enum { DR7_EXECUTE = 0, DR7_WRITE = 1, DR7_ACCESS = 3 };
enum { DR7_BYTE = 0, DR7_WORD = 1, DR7_QUAD = 2, DR7_LONG = 3 };

/* Slot n armed globally, for one kind of access and one length. */
static inline unsigned long dr7_slot(unsigned n, unsigned kind, unsigned length)
{
    return 2ul << 2 * n | (unsigned long)(kind | length << 2) << (16 + 4 * n);
}

#define DEBUG_REGISTER(n) \
    static inline unsigned long read_dr##n(void) \
    { \
        unsigned long value; \
        __asm__ volatile("movq %%dr" #n ", %0" : "=r"(value)); \
        return value; \
    } \
    static inline void write_dr##n(unsigned long value) \
    { \
        __asm__ volatile("movq %0, %%dr" #n : : "r"(value) : "memory"); \
    }

DEBUG_REGISTER(0)
DEBUG_REGISTER(1)
DEBUG_REGISTER(2)
DEBUG_REGISTER(3)
DEBUG_REGISTER(6)
DEBUG_REGISTER(7)

static inline unsigned long read_cr2(void)
{
    unsigned long value;
    __asm__ volatile("movq %%cr2, %0" : "=r"(value));
    return value;
}

static inline unsigned long read_rflags(void)
{
    unsigned long value;
    __asm__ volatile("pushfq; popq %0" : "=r"(value));
    return value;
}

/* What save_and_handle has on the stack. */
struct frame {
    unsigned long r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    unsigned long vector, error_code;
    unsigned long rip, cs, rflags, rsp, ss;
};

#endif
