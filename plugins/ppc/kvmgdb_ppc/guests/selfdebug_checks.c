/* The checks of the self-debugging guest.  The same file serves every architecture. */
#include "machine.h"
#include "selfdebug_checks.h"

static const char *name;
static const char *wrong;               /* what is not as it should be; 0 while all is well */
static unsigned long wrong_is, wrong_should_be;
static unsigned passed, failed;

static void print(const char *text)
{
    while (*text)
        console_put(*text++);
}

static void print_number(unsigned long value, unsigned base)
{
    char digits[24];
    int used = 0;

    do {
        digits[used++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (used)
        console_put(digits[--used]);
}

void check_begin(const char *check)
{
    name = check;
    wrong = 0;
}

void check_equal(const char *what, unsigned long is, unsigned long should_be)
{
    if (is == should_be || wrong)
        return;
    wrong = what;
    wrong_is = is;
    wrong_should_be = should_be;
}

void check_end(void)
{
    if (!wrong) {
        passed++;
        print("PASS ");
        print(name);
    } else {
        failed++;
        print("FAIL ");
        print(name);
        print(": ");
        print(wrong);
        print(" is 0x");
        print_number(wrong_is, 16);
        print(", not 0x");
        print_number(wrong_should_be, 16);
    }
    print("\n");
}

unsigned checks_total(void)
{
    print("selfdebug: ");
    print_number(passed, 10);
    print(" passed, ");
    print_number(failed, 10);
    print(" failed\n");
    return failed;
}
