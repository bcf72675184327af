/* The sample machine, seen from PowerPC: two memory-mapped bytes, and ways to go wrong. */
#include "machine.h"

#define CONSOLE (*(volatile unsigned char *)0xF0000000)
#define EXIT (*(volatile unsigned char *)0xF0000008)
#define UNMAPPED 0xE0000000

enum { ILLEGAL_INSTRUCTION = 1, TRAP = 2, UNMAPPED_READ = 3, HALT = 4 };

const char machine_name[] = "ppc";

void console_put(char c)
{
    CONSOLE = c;
}

/* Through a special register and back: SPRG0 is free for software on every core. */
unsigned through_sprg0(unsigned value)
{
    unsigned back;

    __asm__ volatile("mtspr 272, %1\n\t" /* LINE sprg0-write */
                     "mfspr %0, 272"
                     : "=r"(back)
                     : "r"(value));
    return back;
}

void machine_tour(void)
{
    through_sprg0(0x4b564d47);
}

void crash(int kind)
{
    switch (kind) {
    case ILLEGAL_INSTRUCTION:
        __asm__ volatile(".long 0");    /* LINE crash-illegal */
        break;
    case TRAP:
        __asm__ volatile("trap");       /* LINE crash-trap */
        break;
    case UNMAPPED_READ:
        (void)*(volatile unsigned *)UNMAPPED; /* LINE crash-read */
        break;
    case HALT:
        __asm__ volatile("b .");        /* LINE crash-halt */
        break;
    }
}

void exit_guest(unsigned char status)
{
    EXIT = status;                      /* LINE exit */
    for (;;)
        __asm__ volatile("");           /* only where no exit device answers */
}
