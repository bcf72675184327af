/* The guest's own debugger, for BookE and classic cores. */
#include "selfdebug_debugger.h"

#define TRAP 0x7fe00008u

extern code entry_data_storage, entry_program, entry_system_call, entry_trace, entry_address_breakpoint;
extern code entry_data_tlb, entry_debug_critical, entry_debug;
extern code stepped_first, stepped_last;

struct event events[MAX_EVENTS];
unsigned event_count;
volatile unsigned watched[8] __attribute__((aligned(32)));

static const struct core cores[] = {
    { 0x0006, "603e", 0, 0, 0 }, { 0x0007, "603e", 0, 0, 0 }, { 0x0008, "750", 0, 1, 0 },
    { 0x8000, "7450", 0, 1, 0 }, { 0x8001, "7455", 0, 1, 0 }, { 0x8002, "7457", 0, 1, 0 },
    { 0x8020, "e500v1", 1, 0, 0 }, { 0x8021, "e500v2", 1, 0, 0 }, { 0x8023, "e500mc", 1, 0, 1 },
    { 0, "440", 1, 0, 0 },              /* has many versions */
};
const struct core *core;

static volatile unsigned *planted;      /* where the guest's trap stands */
static unsigned planted_over;           /* what was there */
static unsigned execution_address;      /* of IAC1 or IABR, to be set again after a step; 0: no */

/* -- debug registers --------------------------------------------------------------------------------- */

static void set_execution(unsigned address)
{
    if (core->is_booke) {
        WRITE_SPR(SPR_DBCR0, DBCR0_IDM);        /* first: half a range would hold this code */
        WRITE_SPR(SPR_IAC1, address);
        if (address)
            WRITE_SPR(SPR_DBCR0, DBCR0_IDM | DB_IAC1);
    } else {
        WRITE_SPR(SPR_IABR, address ? address | IABR_ENABLE : 0);
    }
}

void arm_execution(unsigned address, int rearm)
{
    execution_address = rearm ? address : 0;
    set_execution(address);
    if (core->is_booke)
        write_msr(read_msr() | MSR_DE);
}

void arm_watch(volatile void *address, int read, int write)
{
    if (core->is_booke) {
        WRITE_SPR(SPR_DAC1, AT(address));
        WRITE_SPR(SPR_DBCR0, DBCR0_IDM | (read ? DB_DAC1R : 0) | (write ? DB_DAC1W : 0));
        write_msr(read_msr() | MSR_DE);
    } else {
        WRITE_SPR(SPR_DABR, (AT(address) & ~7u) | (read ? DABR_READ : 0) | (write ? DABR_WRITE : 0));
    }
}

void disarm(void)
{
    execution_address = 0;
    if (core->is_booke) {
        write_msr(read_msr() & ~MSR_DE);
        WRITE_SPR(SPR_DBCR0, DBCR0_IDM);
        WRITE_SPR(SPR_IAC1, 0);
        WRITE_SPR(SPR_DAC1, 0);
        return;
    }
    WRITE_SPR(SPR_IABR, 0);
    if (core->has_dabr)
        WRITE_SPR(SPR_DABR, 0);
}

/* -- single steps: DBCR0[ICMP] or MSR[SE] ------------------------------------------------------------- */

static void begin_stepping(struct frame *frame)
{
    if (core->is_booke) {
        WRITE_SPR(SPR_DBCR0, DBCR0_IDM | DB_ICMP);
        frame->msr |= MSR_DE;
    } else {
        frame->msr |= MSR_SE;
    }
}

static void end_stepping(struct frame *frame)
{
    if (core->is_booke)
        WRITE_SPR(SPR_DBCR0, DBCR0_IDM);
    else
        frame->msr &= ~MSR_SE;
}

/* -- a trap of the guest's own ------------------------------------------------------------------------- */

static void put(unsigned instruction)
{
    *planted = instruction;
    sync_code(planted);
}

void plant(volatile unsigned *where)
{
    planted = where;
    planted_over = *where;
    put(TRAP);
}

void unplant(void)
{
    put(planted_over);
    planted = 0;
}

/* -- interrupts ------------------------------------------------------------------------------------------ */

static void on_step(struct frame *frame)
{
    if (planted && frame->pc == AT(planted + 1)) {      /* stepped over it: plant it again */
        put(TRAP);
        end_stepping(frame);
        if (core->is_booke)
            frame->msr &= ~MSR_DE;
    } else if (execution_address && frame->pc == execution_address + 4) {
        end_stepping(frame);
        set_execution(execution_address);
    } else if (frame->pc == AT(stepped_last)) {
        end_stepping(frame);
        if (core->is_booke)
            frame->msr &= ~MSR_DE;
    }
}

static void on_execution_hit(struct frame *frame)
{
    set_execution(0);
    if (execution_address)
        begin_stepping(frame);
}

static void on_program(struct frame *frame, struct event *event)
{
    event->status = core->is_booke ? READ_SPR(SPR_ESR) : frame->msr & SRR1_CAUSES;
    if (!core->is_booke)
        frame->msr &= ~SRR1_CAUSES;     /* no bits of MSR's (the 603e has TGPR at one of these places) */
    if (frame->pc != AT(planted)) {
        frame->pc += 4;                 /* past the trap, or whatever it is */
        return;
    }
    put(planted_over);
    begin_stepping(frame);
}

static void on_debug(struct frame *frame, struct event *event)
{
    event->status = READ_SPR(SPR_DBSR);
    WRITE_SPR(SPR_DBSR, event->status); /* ones clear it */
    if (event->status & (DB_DAC1R | DB_DAC1W))
        WRITE_SPR(SPR_DBCR0, DBCR0_IDM);
    if (event->status & DB_IAC1)
        on_execution_hit(frame);
    if (event->status & DB_ICMP)
        on_step(frame);
}

static void on_data_storage(struct event *event)
{
    event->status = READ_SPR(SPR_DSISR);
    event->address = READ_SPR(SPR_DAR);
    if (core->has_dabr)
        WRITE_SPR(SPR_DABR, 0);
}

void handle(struct frame *frame)
{
    struct event *event = &events[event_count < MAX_EVENTS ? event_count : MAX_EVENTS - 1];

    event_count++;                      /* LINE handled */
    event->kind = frame->kind;
    event->pc = frame->pc;
    event->msr = frame->msr;
    event->status = event->address = 0;
    switch (frame->kind) {
    case DATA_STORAGE:
        on_data_storage(event);
        break;
    case PROGRAM:
        on_program(frame, event);
        break;
    case SYSTEM_CALL:
        if (frame->pc == AT(stepped_first))
            begin_stepping(frame);
        break;
    case TRACE:
        on_step(frame);
        break;
    case ADDRESS_BREAKPOINT:
        on_execution_hit(frame);
        break;
    case DATA_TLB:
        event->address = READ_SPR(SPR_DEAR);
        frame->pc += 4;                 /* past the access */
        break;
    case DEBUG:
        on_debug(frame, event);
        break;
    }
    event->seen = watched[2];           /* nothing is armed on it any more */
}

/* -- the beginning ----------------------------------------------------------------------------------------- */

static void install_classic(unsigned vector, const unsigned char *entry)
{
    volatile unsigned *to = (volatile unsigned *)vector;
    const unsigned *from = (const unsigned *)entry;

    for (int i = 0; i < 4; i++)
        to[i] = from[i];
    sync_code(to);
}

static void install_handlers(void)
{
    if (core->is_booke) {
        WRITE_SPR(SPR_IVPR, AT(entry_program) & 0xffff0000u);
        WRITE_SPR(SPR_IVOR2, AT(entry_data_storage) & 0xffffu);
        WRITE_SPR(SPR_IVOR6, AT(entry_program) & 0xffffu);
        WRITE_SPR(SPR_IVOR8, AT(entry_system_call) & 0xffffu);
        WRITE_SPR(SPR_IVOR13, AT(entry_data_tlb) & 0xffffu);
        WRITE_SPR(SPR_IVOR15, AT(core->debug_has_dsrr ? entry_debug : entry_debug_critical) & 0xffffu);
        return;
    }
    write_msr(read_msr() & ~MSR_IP);    /* the vectors are at 0, not in the firmware's ROM */
    install_classic(0x300, entry_data_storage);
    install_classic(0x700, entry_program);
    install_classic(0xc00, entry_system_call);
    install_classic(0xd00, entry_trace);
    install_classic(0x1300, entry_address_breakpoint);
}

void debugger_begin(void)
{
    unsigned version = READ_SPR(SPR_PVR) >> 16;

    for (core = cores; core->version && core->version != version; core++)
        ;
    install_handlers();
    if (core->is_booke)
        WRITE_SPR(SPR_DBSR, 0xffffffffu);       /* a reset leaves its own bits there */
    disarm();
}
