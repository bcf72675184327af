/*
 * The guest of the x86 tutorial: a data logger with a bug.  It takes a reading every tick, keeps the last
 * eight, and raises an alarm for those over a limit.  Bare x86-64, no library.
 */
#define ENTRIES 8

struct entry {
    unsigned tick;
    int value;
};

struct logger {
    struct entry entries[ENTRIES];
    int alarm_limit;
    unsigned next;
};

struct logger logger = { .alarm_limit = 100 };

static const int readings[] = { 21, 22, 25, 24, 30, 41, 38, 35, 33, 42, 40, 37 };

__asm__(".section .text.start, \"ax\"\n"
        ".globl _start\n"
        "_start: movl $stack_top, %esp\n"
        "        call run\n"
        "        hlt\n"
        ".bss\n"
        "        .skip 4096\n"
        "stack_top:\n"
        ".text\n");

static void out_byte(unsigned char value, unsigned short port)
{
    __asm__ volatile("outb %0, %w1" : : "a"(value), "Nd"(port) : "memory");
}

void print(const char *text)
{
    while (*text)
        out_byte(*text++, 0xE9);
}

void print_number(int value)
{
    if (value >= 10)
        print_number(value / 10);
    out_byte('0' + value % 10, 0xE9);
}

void alarm(int value)
{
    print("ALARM: ");
    print_number(value);
    print(" is over the limit\n");
}

void record(unsigned tick, int value)
{
    struct entry *entry = &logger.entries[logger.next];

    entry->tick = tick;
    entry->value = value;
    logger.next++;
    if (logger.next > ENTRIES)
        logger.next = 0;
}

void run(void)
{
    unsigned tick;

    for (tick = 0; tick < sizeof readings / sizeof *readings; tick++) {
        record(tick, readings[tick]);
        if (readings[tick] > logger.alarm_limit)
            alarm(readings[tick]);
    }
    print("all readings taken\n");
    out_byte(0, 0xF4);
}
