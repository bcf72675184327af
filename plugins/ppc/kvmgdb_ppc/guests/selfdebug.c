/*
 * A guest with a debugger of its own, which checks itself: trap instructions, the debug registers the core
 * has, single steps, program interrupts.  Whoever debugs the guest from outside must not make any of its
 * lines a FAIL.
 *
 * Every interrupt is noted; a check then compares what was noted with what the core's manual says
 * (selfdebug_cpu.h names them).
 */
#include "machine.h"
#include "selfdebug_checks.h"
#include "selfdebug_debugger.h"

void trap_always(void), trap_old(void), trap_if_5(unsigned), trap_thrice(void);
void illegal(void), system_call(void);
void load_1(volatile void *), load_4(volatile void *);
void store_1(volatile void *, unsigned), store_4(volatile void *, unsigned);
unsigned store_update(volatile void *, unsigned);
unsigned bump(unsigned), stepped(unsigned);
void enable_debug(void);

extern code trap_thrice_1, trap_thrice_2, system_call_after, bump_middle, bump_end, stepped_first;
extern code enable_debug_after;
extern const unsigned step_addresses[], step_addresses_end[];

/* -- how a check is put ------------------------------------------------------------------------------------ */

static void begin(const char *name)
{
    check_begin(name);
    for (unsigned i = 0; i < 8; i++)
        watched[i] = 0;
    while (event_count)                 /* now: the loop may have run into a watch */
        events[--event_count] = (struct event){ 0 };
}

static void expect(unsigned index, unsigned kind, const void *pc, unsigned status)
{
    check_equal("the interrupt", events[index].kind, kind);
    check_equal("the saved pc", events[index].pc, AT(pc));
    check_equal("its status", events[index].status, status);
}

static void expect_program(unsigned index, const void *pc, int is_trap)
{
    unsigned cause = is_trap ? SRR1_TRAP : SRR1_ILLEGAL;

    if (core->is_booke)
        cause = is_trap ? ESR_TRAP : ESR_ILLEGAL;
    expect(index, PROGRAM, pc, cause);
}

static void expect_execution_hit(unsigned index, const void *pc)
{
    expect(index, core->is_booke ? DEBUG : ADDRESS_BREAKPOINT, pc, core->is_booke ? DB_IAC1 : 0);
}

static void expect_step(unsigned index, const void *pc)
{
    expect(index, core->is_booke ? DEBUG : TRACE, pc, core->is_booke ? DB_ICMP : 0);
}

static void expect_watch_hit(unsigned index, const void *pc, volatile void *address, int is_store)
{
    if (core->is_booke) {
        expect(index, DEBUG, pc, is_store ? DB_DAC1W : DB_DAC1R);
        return;
    }
    expect(index, DATA_STORAGE, pc, DSISR_DABR | (is_store ? DSISR_STORE : 0));
    check_equal("DAR", events[index].address, AT(address));
}

static void end(unsigned count)
{
    check_equal("the number of interrupts", event_count, count);
    check_end();
}

/* -- trap instructions, and other program interrupts --------------------------------------------------------- */

static void traps(void)
{
    begin("trap");
    trap_always();
    expect_program(0, trap_always, 1);
    check_equal("the saved MSR", events[0].msr & 0xffff, read_msr() & 0xffff);
    end(1);

    begin("trap-as-old-gdb-writes-it");
    trap_old();
    expect_program(0, trap_old, 1);
    end(1);

    begin("trap-three-in-a-row");
    trap_thrice();
    expect_program(0, trap_thrice, 1);
    expect_program(1, trap_thrice_1, 1);
    expect_program(2, trap_thrice_2, 1);
    end(3);

    begin("trap-on-a-condition");
    trap_if_5(4);
    trap_if_5(5);
    expect_program(0, trap_if_5, 1);
    end(1);

    begin("illegal-instruction");
    illegal();
    expect_program(0, illegal, 0);
    end(1);

    begin("system-call");
    system_call();
    expect(0, SYSTEM_CALL, system_call_after, 0);
    end(1);
}

/* As a debugger does it: plant, hit, put back, step, plant again. */
static void planted_trap(void)
{
    volatile unsigned *where = (volatile unsigned *)bump_middle;

    begin("planted-trap");
    plant(where);
    for (unsigned i = 0; i < 3; i++) {
        check_equal("the function's result", bump(i), i + 1);
        expect_program(2 * i, bump_middle, 1);
        expect_step(2 * i + 1, bump_end);
    }
    check_equal("the word in memory", *where, 0x7fe00008);
    unplant();
    check_equal("the result without it", bump(7), 8);
    end(6);
}

/* -- debug registers ------------------------------------------------------------------------------------------- */

static void execution_breakpoint(void)
{
    begin("execution-breakpoint");
    arm_execution(AT(bump), 0);
    check_equal("the function's result", bump(1), 2);
    expect_execution_hit(0, bump);
    end(1);
    disarm();

    begin("execution-breakpoint-again-and-again");
    arm_execution(AT(bump_middle), 1);
    for (unsigned i = 0; i < 3; i++) {
        check_equal("the function's result", bump(i), i + 1);
        expect_execution_hit(2 * i, bump_middle);
        expect_step(2 * i + 1, bump_end);
    }
    end(6);

    begin("execution-breakpoint-disarmed");
    disarm();
    bump(1);
    end(0);
}

/* Recorded while MSR[DE] is 0, an event is an interrupt when it is set. */
static void events_while_interrupts_are_off(void)
{
    begin("execution-breakpoint-while-interrupts-are-off");
    WRITE_SPR(SPR_IAC1, AT(bump_end));
    WRITE_SPR(SPR_DBCR0, DBCR0_IDM | DB_IAC1);
    check_equal("the function's result", bump(1), 2);
    check_equal("DBSR", READ_SPR(SPR_DBSR), DBSR_IDE | DB_IAC1);
    check_equal("the number of interrupts until then", event_count, 0);
    enable_debug();
    expect(0, DEBUG, enable_debug_after, DBSR_IDE | DB_IAC1);
    end(1);
    disarm();

    begin("watch-while-interrupts-are-off");
    WRITE_SPR(SPR_DAC1, AT(&watched[2]));
    WRITE_SPR(SPR_DBCR0, DBCR0_IDM | DB_DAC1W);
    store_4(&watched[2], 7);
    check_equal("what is there", watched[2], 7);
    enable_debug();
    expect(0, DEBUG, enable_debug_after, DBSR_IDE | DB_DAC1W);
    end(1);
    disarm();

    begin("event-that-is-cleared-in-time");
    WRITE_SPR(SPR_IAC1, AT(bump_end));
    WRITE_SPR(SPR_DBCR0, DBCR0_IDM | DB_IAC1);
    bump(1);
    WRITE_SPR(SPR_DBSR, DBSR_IDE | DB_IAC1);
    enable_debug();
    end(0);
    disarm();
}

static void execution_range(void)
{
    begin("execution-range");
    WRITE_SPR(SPR_IAC1, AT(bump_middle));
    WRITE_SPR(SPR_IAC2, AT(bump_end));
    WRITE_SPR(SPR_DBCR1, DBCR1_IAC12_INCLUSIVE);
    WRITE_SPR(SPR_DBCR0, DBCR0_IDM | DB_IAC1);
    enable_debug();
    check_equal("the function's result", bump(1), 2);
    expect(0, DEBUG, bump_middle, DB_IAC1);
    end(1);
    disarm();
    WRITE_SPR(SPR_DBCR1, 0);
    WRITE_SPR(SPR_IAC2, 0);
}

static void write_watch(void)
{
    begin("watch-write");
    arm_watch(&watched[2], 0, 1);
    store_4(&watched[2], 0x11223344);
    expect_watch_hit(0, store_4, &watched[2], 1);
    check_equal("what the handler saw", events[0].seen, 0); /* the interrupt comes before the store */
    check_equal("what is there in the end", watched[2], 0x11223344);
    end(1);
    disarm();

    begin("watch-write-updates-once");
    arm_watch(&watched[2], 0, 1);
    check_equal("the updated address", store_update(&watched[1], 7), AT(&watched[2]));
    expect_watch_hit(0, store_update, &watched[2], 1);
    check_equal("what is there in the end", watched[2], 7);
    end(1);
    disarm();

    begin("watch-write-neighbours");
    arm_watch(&watched[2], 0, 1);
    store_1((volatile char *)&watched[2] - 1, 1);
    store_4(&watched[1], 1);
    store_4(&watched[4], 1);            /* DABR watches a doubleword, so the next word but one */
    if (core->is_booke)                 /* DAC1 is the address of a byte */
        store_1((volatile char *)&watched[2] + 1, 1);
    load_4(&watched[2]);
    end(0);
    disarm();
}

static void read_watch(void)
{
    begin("watch-read");
    arm_watch(&watched[2], 1, 0);
    load_4(&watched[2]);
    expect_watch_hit(0, load_4, &watched[2], 0);
    end(1);
    disarm();

    begin("watch-read-neighbours");
    arm_watch(&watched[2], 1, 0);
    load_1((volatile char *)&watched[2] - 1);
    load_4(&watched[4]);
    store_4(&watched[2], 1);
    end(0);
    disarm();

    begin("watch-access");
    arm_watch(&watched[2], 1, 1);
    load_1(&watched[2]);
    expect_watch_hit(0, load_1, &watched[2], 0);
    arm_watch(&watched[2], 1, 1);
    store_1(&watched[2], 1);
    expect_watch_hit(1, store_1, &watched[2], 1);
    end(2);
    disarm();
}

static void booke_registers_read_back(void)
{
    unsigned dbcr0 = DBCR0_IDM | DB_IAC1 | DB_DAC1W;

    check_equal("DBCR0 at rest", READ_SPR(SPR_DBCR0), DBCR0_IDM);
    check_equal("IAC1 at rest", READ_SPR(SPR_IAC1), 0);
    check_equal("DAC1 at rest", READ_SPR(SPR_DAC1), 0);
    check_equal("DBSR", READ_SPR(SPR_DBSR), 0);
    WRITE_SPR(SPR_IAC1, AT(bump));
    WRITE_SPR(SPR_DAC1, AT(&watched[2]));
    WRITE_SPR(SPR_DAC2, 0x12345678);
    WRITE_SPR(SPR_DBCR0, dbcr0);        /* MSR[DE] is 0: nothing happens */
    check_equal("IAC1", READ_SPR(SPR_IAC1), AT(bump));
    check_equal("DAC1", READ_SPR(SPR_DAC1), AT(&watched[2]));
    check_equal("DAC2", READ_SPR(SPR_DAC2), 0x12345678);
    check_equal("DBCR0", READ_SPR(SPR_DBCR0), dbcr0);
}

static void classic_registers_read_back(void)
{
    check_equal("IABR at rest", READ_SPR(SPR_IABR), 0);
    WRITE_SPR(SPR_IABR, AT(bump) | IABR_ENABLE);
    check_equal("IABR", READ_SPR(SPR_IABR), AT(bump) | IABR_ENABLE);
    if (!core->has_dabr)
        return;
    check_equal("DABR at rest", READ_SPR(SPR_DABR), 0);
    WRITE_SPR(SPR_DABR, (AT(&watched[2]) & ~7u) | DABR_WRITE);
    check_equal("DABR", READ_SPR(SPR_DABR), (AT(&watched[2]) & ~7u) | DABR_WRITE);
}

static void registers_read_back(void)
{
    begin("debug-registers-read-back");
    check_equal("MSR's step and debug bits", read_msr() & (MSR_SE | MSR_BE | MSR_DE), 0);
    if (core->is_booke)
        booke_registers_read_back();
    else
        classic_registers_read_back();
    disarm();
    end(0);

    begin("saved-registers-stay");      /* nobody else takes an interrupt in between */
    WRITE_SPR(SPR_SRR0, 0x12344);
    WRITE_SPR(SPR_SRR1, 0x8000);
    watched[0]++;
    check_equal("SRR0", READ_SPR(SPR_SRR0), 0x12344);
    check_equal("SRR1", READ_SPR(SPR_SRR1), 0x8000);
    end(0);
}

/* -- single steps ------------------------------------------------------------------------------------------------ */

static void single_steps(void)
{
    unsigned steps = step_addresses_end - step_addresses;
    unsigned first;

    begin("single-steps");
    check_equal("the function's result", stepped(4), 7);
    expect(0, SYSTEM_CALL, stepped_first, 0);
    /* Cores differ in whether the return that sets the bit is a step itself. */
    first = events[1].pc == AT(stepped_first) ? 2 : 1;
    for (unsigned i = 0; i < steps; i++)
        expect_step(first + i, (const void *)step_addresses[i]);
    end(first + steps);
}

/* -- faults ------------------------------------------------------------------------------------------------------- */

#define UNMAPPED 0xe0000000u

static void data_tlb_errors(void)
{
    begin("data-tlb-errors-in-a-row");
    for (unsigned i = 0; i < 3; i++) {
        load_4((volatile void *)(UNMAPPED + 4 * i));
        expect(i, DATA_TLB, load_4, 0);
        check_equal("DEAR", events[i].address, UNMAPPED + 4 * i);
    }
    end(3);
}

int guest_main(void)
{
    debugger_begin();
    registers_read_back();
    traps();
    planted_trap();
    execution_breakpoint();
    if (core->is_booke) {
        events_while_interrupts_are_off();
        execution_range();
    }
    if (core->is_booke || core->has_dabr) {
        write_watch();
        read_watch();
    }
    single_steps();
    if (core->is_booke)
        data_tlb_errors();
    registers_read_back();
    return checks_total();
}
