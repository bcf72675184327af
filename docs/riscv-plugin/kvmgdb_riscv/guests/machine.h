/* What the sample program needs of the machine it runs on.  machine.c has it, one per architecture. */
#ifndef MACHINE_H
#define MACHINE_H

/* The name the first line of the console shows. */
extern const char machine_name[];

/* Print one byte on the console device. */
void console_put(char c);

/* Do a few things only this machine has, for a look at its registers. */
void machine_tour(void);

/* Do what no program should do; the kinds are listed in machine.c. */
void crash(int kind);

/* End the guest through the exit device.  Does not return. */
void exit_guest(unsigned char status) __attribute__((noreturn));

#endif
