/*
 * A guest with a debugger of its own, which checks itself: breakpoint instructions, the debug registers,
 * single steps, faults.  Whoever debugs the guest from outside must not make any of its lines a FAIL.
 *
 * Every exception is noted; a check then compares what was noted with what the SDM, volume 3, says:
 * "Exception and Interrupt Reference" and "Debug Exceptions".
 */
#include "machine.h"
#include "selfdebug_checks.h"
#include "selfdebug_cpu.h"

/* -- what selfdebug_targets.S and selfdebug_handlers.S have ------------------------------------------- */

typedef unsigned char code[];

void trap_int3(void), trap_int_3(void), trap_thrice(void), trap_int_0x20(void), trap_icebp(void);
void invalid(void), divide_by_zero(void), load_bad_selector(unsigned long selector);
void load_1(volatile void *), load_4(volatile void *);
void store_1(volatile void *, unsigned long), store_2(volatile void *, unsigned long);
void store_4(volatile void *, unsigned long), store_8(volatile void *, unsigned long);
void add_4(volatile void *, unsigned long);
unsigned bump(unsigned);
unsigned long stepped(void);

extern code trap_int3_after, trap_int_3_after, trap_thrice_1, trap_thrice_2, trap_thrice_3;
extern code trap_int_0x20_after, trap_icebp_after, invalid_after, divide_by_zero_div, divide_by_zero_after;
extern code load_bad_selector_after, load_1_after, load_4_after;
extern code store_1_after, store_2_after, store_4_after, store_8_after, add_4_after;
extern code bump_middle, stepped_5, stepped_last;
extern code entries;
extern const unsigned long step_addresses[], step_addresses_end[];

#define AT(place) ((unsigned long)(place))

/* -- the guest's debugger --------------------------------------------------------------------------------- */

struct event {
    unsigned long vector, rip, error_code;
    unsigned long dr6;                  /* of a #DB: what has happened */
    unsigned long detail;               /* of a #PF: CR2; of a #DB: what is in the watched memory by then */
};

enum { MAX_EVENTS = 32 };
struct event events[MAX_EVENTS];
unsigned event_count;

unsigned long resume_at;                /* where to go on after a fault */
unsigned hits_without_rf;               /* how often DR0 may hit the same instruction before RF lets it pass */
volatile unsigned char *planted;        /* where a breakpoint instruction of the guest's own stands */
unsigned char planted_over;             /* what was there */
volatile unsigned watched[8] __attribute__((aligned(32)));

static void plant(volatile void *where)
{
    planted = where;
    planted_over = *planted;
    *planted = 0xcc;
}

static void unplant(void)
{
    *planted = planted_over;
    planted = 0;
}

/* A breakpoint instruction of ours: put the old one back, and step over it. */
static void on_breakpoint(struct frame *frame)
{
    if (!planted || frame->rip != AT(planted) + 1)
        return;
    *planted = planted_over;
    frame->rip = AT(planted);
    frame->rflags |= RFLAGS_TF;
}

static void on_debug(struct frame *frame, const struct event *event)
{
    if (event->dr6 & 1) {
        if (hits_without_rf)
            hits_without_rf--;
        else
            frame->rflags |= RFLAGS_RF;
    }
    if (planted && event->dr6 & DR6_BS) {       /* stepped over it: plant it again */
        *planted = 0xcc;
        frame->rflags &= ~RFLAGS_TF;
    }
    if (frame->rip == AT(stepped_last))
        frame->rflags &= ~RFLAGS_TF;
}

void handle(struct frame *frame)
{
    struct event *event = &events[event_count < MAX_EVENTS ? event_count : MAX_EVENTS - 1];
    unsigned long dr7;

    event_count++;                      /* LINE handled */
    event->vector = frame->vector;
    event->rip = frame->rip;
    event->error_code = frame->error_code;
    event->dr6 = event->detail = 0;
    switch (frame->vector) {
    case VECTOR_DB:
        dr7 = read_dr7();
        write_dr7(DR7_CLEAR);           /* what is watched is looked at here */
        event->dr6 = read_dr6() & DR6_STATUS;
        event->detail = watched[2];
        write_dr6(DR6_CLEAR);           /* the processor never clears it */
        on_debug(frame, event);
        write_dr7(dr7);
        break;
    case VECTOR_BP:
        on_breakpoint(frame);
        break;
    case VECTOR_PF:
        event->detail = read_cr2();     /* fall through */
    case VECTOR_DE:
    case VECTOR_UD:
    case VECTOR_GP:
        frame->rip = resume_at;
        break;
    }
}

static struct { unsigned short words[8]; } idt[VECTORS] __attribute__((aligned(16)));

static void install_handlers(void)
{
    struct { unsigned short limit; unsigned long base; } __attribute__((packed)) idtr;
    unsigned short cs;

    __asm__("movw %%cs, %0" : "=r"(cs));
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        unsigned long entry = AT(entries) + 16 * vector;
        unsigned short *gate = idt[vector].words;

        gate[0] = entry;
        gate[1] = cs;
        gate[2] = 0x8e00;               /* present, privilege 0, interrupt gate */
        gate[3] = entry >> 16;
        gate[4] = entry >> 32;
    }
    idtr.limit = sizeof idt - 1;
    idtr.base = AT(idt);
    __asm__ volatile("lidt %0" : : "m"(idtr));
}

/* -- how a check is put ------------------------------------------------------------------------------------ */

static void begin(const char *name)
{
    check_begin(name);
    for (unsigned i = 0; i < 8; i++)
        watched[i] = 0;
    while (event_count)                 /* now: the loop may have run into a watch */
        events[--event_count] = (struct event){ 0 };
}

static void expect(unsigned index, unsigned vector, const void *rip, unsigned long dr6)
{
    check_equal("the vector", events[index].vector, vector);
    check_equal("the saved rip", events[index].rip, AT(rip));
    check_equal("DR6", events[index].dr6, dr6);
}

static void end(unsigned count)
{
    check_equal("the number of exceptions", event_count, count);
    check_end();
}

static void disarm(void)
{
    write_dr7(DR7_CLEAR);
    write_dr0(0);
    write_dr1(0);
    write_dr2(0);
    write_dr3(0);
}

/* -- breakpoint instructions ------------------------------------------------------------------------------- */

static void breakpoint_instructions(void)
{
    begin("int3");
    trap_int3();
    expect(0, VECTOR_BP, trap_int3_after, 0);
    end(1);

    begin("int-3-in-two-bytes");
    trap_int_3();
    expect(0, VECTOR_BP, trap_int_3_after, 0);
    end(1);

    begin("int3-three-in-a-row");
    trap_thrice();
    expect(0, VECTOR_BP, trap_thrice_1, 0);
    expect(1, VECTOR_BP, trap_thrice_2, 0);
    expect(2, VECTOR_BP, trap_thrice_3, 0);
    end(3);

    begin("int-0x20");
    trap_int_0x20();
    expect(0, 0x20, trap_int_0x20_after, 0);
    end(1);

    begin("icebp");
    resume_at = AT(trap_icebp_after);   /* for an emulator that takes it for an invalid instruction */
    trap_icebp();
    expect(0, VECTOR_DB, trap_icebp_after, 0);
    end(1);
}

/* As a debugger does it: plant, hit, put back, step, plant again. */
static void planted_breakpoint(void)
{
    begin("planted-int3");
    plant(bump_middle);
    for (unsigned i = 0; i < 3; i++) {
        check_equal("the function's result", bump(i), i + 1);
        expect(2 * i, VECTOR_BP, bump_middle + 1, 0);
        expect(2 * i + 1, VECTOR_DB, bump_middle + 1, DR6_BS);
    }
    check_equal("the byte in memory", *planted, 0xcc);
    unplant();
    check_equal("the result without it", bump(7), 8);
    end(6);
}

/* -- debug registers ----------------------------------------------------------------------------------------- */

static void execution_breakpoint(void)
{
    begin("dr0-execute");
    write_dr0(AT(bump));
    write_dr7(DR7_CLEAR | dr7_slot(0, DR7_EXECUTE, DR7_BYTE));
    for (unsigned i = 0; i < 3; i++) {
        check_equal("the function's result", bump(i), i + 1);
        expect(i, VECTOR_DB, bump, 1);
    }
    end(3);

    begin("dr0-again-without-rf");
    hits_without_rf = 2;
    check_equal("the function's result", bump(1), 2);
    for (unsigned i = 0; i < 3; i++)
        expect(i, VECTOR_DB, bump, 1);
    end(3);

    begin("dr0-disabled");
    write_dr7(DR7_CLEAR);
    bump(1);
    end(0);
    disarm();
}

static void write_watch(void)
{
    begin("dr1-write-4");
    write_dr1(AT(&watched[2]));
    write_dr7(DR7_CLEAR | dr7_slot(1, DR7_WRITE, DR7_LONG));
    store_4(&watched[2], 0x11223344);
    expect(0, VECTOR_DB, store_4_after, 2);
    check_equal("what the handler saw", events[0].detail, 0x11223344);
    end(1);

    begin("dr1-write-one-byte-of-4");
    store_1((volatile char *)&watched[2] + 3, 0x55);
    expect(0, VECTOR_DB, store_1_after, 2);
    end(1);

    begin("dr1-write-reaching-in");     /* unaligned, only its second half is watched */
    store_4((volatile char *)&watched[2] - 2, 0x55667788);
    expect(0, VECTOR_DB, store_4_after, 2);
    end(1);

    begin("dr1-write-neighbours");
    store_1((volatile char *)&watched[2] - 1, 1);
    store_1(&watched[3], 1);
    store_8(&watched[0], 1);
    store_4(&watched[3], 1);
    load_4(&watched[2]);
    end(0);

    begin("dr1-add-happens-once");
    for (unsigned i = 0; i < 3; i++) {
        add_4(&watched[2], 10);
        expect(i, VECTOR_DB, add_4_after, 2);
        check_equal("the sum", watched[2], 10 * (i + 1));
    }
    end(3);
    disarm();
}

static void access_watch(void)
{
    begin("dr2-read");
    write_dr2(AT(&watched[2]));
    write_dr7(DR7_CLEAR | dr7_slot(2, DR7_ACCESS, DR7_WORD));
    load_4(&watched[2]);
    expect(0, VECTOR_DB, load_4_after, 4);
    end(1);

    begin("dr2-write");
    store_2(&watched[2], 7);
    expect(0, VECTOR_DB, store_2_after, 4);
    check_equal("what the handler saw", events[0].detail, 7);
    end(1);

    begin("dr2-neighbours");
    load_1((volatile char *)&watched[2] + 2);
    load_1((volatile char *)&watched[2] - 1);
    end(0);
    disarm();
}

static void long_watch(void)
{
    begin("dr3-write-8");
    write_dr3(AT(&watched[2]));
    write_dr7(DR7_CLEAR | dr7_slot(3, DR7_WRITE, DR7_QUAD));
    store_1((volatile char *)&watched[2] + 7, 1);
    expect(0, VECTOR_DB, store_1_after, 8);
    store_8(&watched[2], 2);
    expect(1, VECTOR_DB, store_8_after, 8);
    store_1(&watched[4], 3);
    store_4(&watched[1], 3);
    end(2);

    begin("dr1-and-dr3-at-once");
    write_dr1(AT(&watched[2]));
    write_dr7(read_dr7() | dr7_slot(1, DR7_WRITE, DR7_LONG));
    store_4(&watched[2], 4);
    expect(0, VECTOR_DB, store_4_after, 2 | 8);
    end(1);
    disarm();
}

static void registers_read_back(void)
{
    unsigned long dr7 = DR7_CLEAR | dr7_slot(0, DR7_EXECUTE, DR7_BYTE) | dr7_slot(1, DR7_WRITE, DR7_LONG);

    begin("debug-registers-at-rest");
    check_equal("DR0", read_dr0(), 0);
    check_equal("DR1", read_dr1(), 0);
    check_equal("DR2", read_dr2(), 0);
    check_equal("DR3", read_dr3(), 0);
    check_equal("DR6", read_dr6(), DR6_CLEAR);
    check_equal("DR7", read_dr7(), DR7_CLEAR);
    end(0);

    begin("debug-registers-read-back");
    write_dr0(AT(bump));
    write_dr1(AT(&watched[2]));
    write_dr2(0x123456789abcul);
    write_dr7(dr7);
    check_equal("DR0", read_dr0(), AT(bump));
    check_equal("DR1", read_dr1(), AT(&watched[2]));
    check_equal("DR2", read_dr2(), 0x123456789abcul);
    check_equal("DR7", read_dr7(), dr7);
    check_equal("DR6", read_dr6(), DR6_CLEAR);
    disarm();
    end(0);
}

/* -- single steps -------------------------------------------------------------------------------------------- */

static void single_steps(void)
{
    unsigned steps = step_addresses_end - step_addresses;
    unsigned step, hits, both;

    begin("tf-steps");
    check_equal("TF that PUSHF found", stepped() & RFLAGS_TF, RFLAGS_TF);
    for (step = 0; step < steps; step++)
        expect(step, VECTOR_DB, (const void *)step_addresses[step], DR6_BS);
    end(steps);

    /* By priority the step's trap comes first, then the breakpoint's fault; B0 may be set in the first
       one already ("Debug Status Register"), and a debugger that then sets RF sees no second. */
    begin("tf-steps-through-dr0");
    write_dr0(AT(stepped_5));
    write_dr7(DR7_CLEAR | dr7_slot(0, DR7_EXECUTE, DR7_BYTE));
    stepped();
    for (unsigned i = step = hits = both = 0; i < event_count && i < MAX_EVENTS; i++) {
        both += events[i].dr6 == (DR6_BS | 1);
        if (events[i].dr6 & 1) {
            hits++;
            check_equal("rip at the breakpoint", events[i].rip, AT(stepped_5));
        }
        if (events[i].dr6 & DR6_BS && step < steps)
            check_equal("rip after a step", events[i].rip, step_addresses[step++]);
    }
    check_equal("the number of steps", step, steps);
    check_equal("the number of hits", hits, 1);
    end(steps + 1 - both);
    disarm();

    begin("no-tf-of-others");
    check_equal("TF and RF that PUSHF finds", read_rflags() & (RFLAGS_TF | RFLAGS_RF), 0);
    end(0);
}

/* -- faults ----------------------------------------------------------------------------------------------- */

#define UNMAPPED 0x7f0000001000ul       /* canonical, and in no start-up page table */

static void faults(void)
{
    begin("invalid-opcode");
    resume_at = AT(invalid_after);
    invalid();
    expect(0, VECTOR_UD, invalid, 0);
    end(1);

    begin("divide-error");
    resume_at = AT(divide_by_zero_after);
    divide_by_zero();
    expect(0, VECTOR_DE, divide_by_zero_div, 0);
    end(1);

    begin("general-protection");        /* a selector beyond every descriptor table is its own error code */
    resume_at = AT(load_bad_selector_after);
    load_bad_selector(0x7ff8);
    expect(0, VECTOR_GP, load_bad_selector, 0);
    check_equal("the error code", events[0].error_code, 0x7ff8);
    end(1);

    begin("page-faults-in-a-row");
    for (unsigned i = 0; i < 3; i++) {
        resume_at = i == 1 ? AT(store_4_after) : AT(load_4_after);
        if (i == 1)
            store_4((void *)(UNMAPPED + i), 0);
        else
            load_4((void *)(UNMAPPED + i));
        expect(i, VECTOR_PF, i == 1 ? (void *)store_4 : (void *)load_4, 0);
        check_equal("the error code", events[i].error_code, i == 1 ? 2 : 0);
        check_equal("CR2", events[i].detail, UNMAPPED + i);
    }
    end(3);
}

int guest_main(void)
{
    install_handlers();
    disarm();
    write_dr6(DR6_CLEAR);
    registers_read_back();
    breakpoint_instructions();
    planted_breakpoint();
    execution_breakpoint();
    write_watch();
    access_watch();
    long_watch();
    single_steps();
    faults();
    registers_read_back();
    return checks_total();
}
