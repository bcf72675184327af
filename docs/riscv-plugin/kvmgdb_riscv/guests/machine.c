/* The sample machine, seen from RISC-V: two memory-mapped bytes, and ways to go wrong. */
#include "machine.h"

#define CONSOLE (*(volatile unsigned char *)0xF0000000UL)
#define EXIT (*(volatile unsigned char *)0xF0000008UL)
#define UNMAPPED 0xE0000000UL

enum { ILLEGAL_INSTRUCTION = 1, BREAKPOINT = 2, UNMAPPED_READ = 3, HALT = 4 };

const char machine_name[] = "riscv";

void console_put(char c)
{
    CONSOLE = c;
}

/* Through a control and status register and back: mscratch is free for software. */
unsigned long through_mscratch(unsigned long value)
{
    unsigned long back;

    __asm__ volatile("csrw mscratch, %1\n\t" /* LINE mscratch-write */
                     "csrr %0, mscratch"
                     : "=r"(back)
                     : "r"(value));
    return back;
}

void machine_tour(void)
{
    through_mscratch(0x4b564d47);
}

void crash(int kind)
{
    switch (kind) {
    case ILLEGAL_INSTRUCTION:
        __asm__ volatile(".4byte 0");   /* LINE crash-illegal */
        break;
    case BREAKPOINT:
        __asm__ volatile("ebreak");     /* LINE crash-trap */
        break;
    case UNMAPPED_READ:
        (void)*(volatile unsigned *)UNMAPPED; /* LINE crash-read */
        break;
    case HALT:
        __asm__ volatile("wfi");        /* LINE crash-halt */
        break;
    }
}

void exit_guest(unsigned char status)
{
    EXIT = status;                      /* LINE exit */
    for (;;)
        __asm__ volatile("");           /* only where no exit device answers */
}
