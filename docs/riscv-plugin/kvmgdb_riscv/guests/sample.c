/*
 * The sample guest: a small program that is worth debugging.
 *
 * The same text is compiled for every architecture and mode.  Lines that a debugging session wants to
 * find carry a mark, "LINE name", so that nobody has to count lines.
 */
#include "machine.h"

struct account {
    unsigned id;
    int balance;
    unsigned deposits;
    char owner[16];
};

struct account account = { 1, 100, 0, "ada" };

/* volatile: each change reaches memory at its own line, where a watchpoint sees it. */
volatile unsigned long counter;
volatile unsigned long count_limit = 1000;
volatile unsigned ticks;
volatile int watched;
volatile int observed;

/* For a debugger to set before the program looks at them. */
volatile int want_spin;
volatile int keep_spinning = 1;
volatile int want_crash;
volatile unsigned long spins;

void print(const char *text)
{
    while (*text)
        console_put(*text++);
}

void print_number(unsigned long value)
{
    char digits[24];
    int used = 0;

    do {
        digits[used++] = '0' + value % 10;
        value /= 10;
    } while (value);
    while (used)
        console_put(digits[--used]);
}

void print_result(const char *what, unsigned long value)
{
    print(what);
    print(" = ");
    print_number(value);
    print("\n");
}

void greet(const char *name)
{
    char line[48];
    const char *prefix = "kvmgdb sample guest (";
    int length = 0;

    while (*prefix)
        line[length++] = *prefix++;
    while (*name)
        line[length++] = *name++;
    line[length++] = ')';
    line[length++] = '\n';
    line[length] = 0;
    print(line);                        /* LINE greeting */
}

int deposit(struct account *a, int amount)
{
    a->balance += amount;               /* LINE deposit-balance */
    a->deposits++;                      /* LINE deposit-count */
    return a->balance;
}

unsigned factorial(unsigned n)
{
    if (n < 2)
        return 1;                       /* LINE factorial-bottom */
    return n * factorial(n - 1);
}

unsigned mix(unsigned a, unsigned b, unsigned c, unsigned d)
{
    unsigned sum = a + 2 * b;

    sum ^= c << 4;                      /* LINE mix-middle */
    return sum + d;
}

void count_to(unsigned long limit)
{
    while (counter < limit) {
        counter++;                      /* LINE count */
    }
}

void tick_1000(void)
{
    for (int i = 0; i < 1000; i++) ticks++; /* LINE one-line-loop */
}

void touch_watched(void)
{
    watched = 1;                        /* LINE watched-first-write */
    observed = 7;                       /* LINE watched-untouched */
    watched = 42;                       /* LINE watched-second-write */
    observed = watched;                 /* LINE watched-read */
}

void spin(void)
{
    while (keep_spinning) spins++;      /* LINE spin */
}

int guest_main(void)
{
    greet(machine_name);
    if (want_spin)                      /* LINE spin-or-not */
        spin();
    if (want_crash)                     /* LINE crash-or-not */
        crash(want_crash);

    count_to(count_limit);              /* LINE call-count */
    print_result("counter", counter);
    tick_1000();                        /* LINE call-ticks */
    print_result("ticks", ticks);
    touch_watched();
    print_result("watched", observed);

    deposit(&account, 50);              /* LINE deposit-50 */
    deposit(&account, 25);
    deposit(&account, -75);
    deposit(&account, 400);
    print_result("balance", account.balance);
    print_result("deposits", account.deposits);

    print_result("mix(1, 2, 3, 4)", mix(1, 2, 3, 4));
    print_result("factorial(10)", factorial(10));
    machine_tour();
    print("goodbye\n");                 /* LINE goodbye */
    return 0;
}
