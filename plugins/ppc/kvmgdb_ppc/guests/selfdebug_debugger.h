/* The guest's own debugger: what it notes of every interrupt, and what it is told to do. */
#ifndef SELFDEBUG_DEBUGGER_H
#define SELFDEBUG_DEBUGGER_H

#include "selfdebug_cpu.h"

typedef unsigned char code[];
#define AT(place) ((unsigned)(place))

struct event {
    unsigned kind, pc, msr;
    unsigned status;                    /* SRR1's causes or ESR, DBSR, DSISR */
    unsigned address;                   /* DAR, DEAR */
    unsigned seen;                      /* what was in the watched memory by then */
};

enum { MAX_EVENTS = 32 };
extern struct event events[MAX_EVENTS];
extern unsigned event_count;

extern const struct core *core;
extern volatile unsigned watched[8];

/* Find out what core this is, install the handlers, disarm everything. */
void debugger_begin(void);

/* A trap instruction of the guest's own, stepped over and planted again at every hit. */
void plant(volatile unsigned *where);
void unplant(void);

/* IAC1 or IABR.  A hit takes it out; with rearm, only for one step. */
void arm_execution(unsigned address, int rearm);

/* DAC1 or DABR.  A hit takes it out. */
void arm_watch(volatile void *address, int read, int write);

void disarm(void);

#endif
