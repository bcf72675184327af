/* The sample machine, seen from x86: two ports, and ways to go wrong. */
#include "machine.h"

#define CONSOLE_PORT 0xE9
#define EXIT_PORT 0xF4
#define UNMAPPED 0xE0000000ul

enum { DIVIDE_BY_ZERO = 1, INVALID_OPCODE = 2, UNMAPPED_READ = 3, HALT = 4 };

#if defined(__x86_64__)
const char machine_name[] = "x86-64";
#elif defined(REAL_MODE)
const char machine_name[] = "x86-16";
#else
const char machine_name[] = "x86-32";
#endif

char filled[16];

static inline void out_byte(unsigned char value, unsigned short port)
{
    __asm__ volatile("outb %0, %w1" : : "a"(value), "Nd"(port) : "memory");
}

void console_put(char c)
{
    out_byte(c, CONSOLE_PORT);
}

/* One instruction that writes many times: what does a single step make of it? */
void fill(char *where, char what, unsigned long count)
{
    __asm__ volatile("rep stosb"        /* LINE fill */
                     : "+D"(where), "+c"(count)
                     : "a"(what)
                     : "memory");
}

#ifdef __x86_64__
unsigned floating(unsigned percent);    /* float.c */
#endif

void machine_tour(void)
{
    fill(filled, 'k', sizeof filled);
#ifdef __x86_64__
    floating(40);
#endif
}

void crash(int kind)
{
    volatile int zero = 0;
    volatile unsigned *volatile unmapped = (unsigned *)UNMAPPED;

    switch (kind) {
    case DIVIDE_BY_ZERO:
        zero = 100 / zero;              /* LINE crash-divide */
        break;
    case INVALID_OPCODE:
        __asm__ volatile("ud2");        /* LINE crash-opcode */
        break;
    case UNMAPPED_READ:
        (void)*unmapped;                /* LINE crash-read */
        break;
    case HALT:
        __asm__ volatile("cli; hlt");   /* LINE crash-halt */
        break;
    }
}

void exit_guest(unsigned char status)
{
    out_byte(status, EXIT_PORT);        /* LINE exit */
    for (;;)
        __asm__ volatile("cli; hlt");   /* only where no exit device answers */
}
