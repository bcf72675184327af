/* How the self-debugging guest reports: one line on the console for each check. */
#ifndef SELFDEBUG_CHECKS_H
#define SELFDEBUG_CHECKS_H

/* Begin a check. */
void check_begin(const char *name);

/* What must hold of it.  The first thing that does not is the one reported. */
void check_equal(const char *what, unsigned long is, unsigned long should_be);

/* End it: "PASS name" or "FAIL name: what is 0x..., not 0x...". */
void check_end(void);

/* "selfdebug: N passed, M failed"; returns M. */
unsigned checks_total(void);

#endif
