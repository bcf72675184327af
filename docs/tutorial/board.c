/*
 * The guest of the PowerPC tutorial: firmware that shows which board it runs on, with a bug.  Bare 32-bit
 * PowerPC, no library.
 */
#define CONSOLE (*(volatile unsigned char *)0xF0000000)
#define EXIT (*(volatile unsigned char *)0xF0000008)

/* As it would stand in an EEPROM. */
const char eeprom[] = "ACME 440 EVALUATION BOARD, REVISION C, 64 MB SDRAM, 16 MB NOR FLASH";

__asm__(".section .text.start, \"ax\"\n"
        ".globl _start\n"
        "_start: lis 1, frame@ha\n"
        "        addi 1, 1, frame@l\n"
        "        li 0, 0\n"
        "        stw 0, 0(1)\n"
        "        bl boot\n"
        "        b .\n"
        ".bss\n"
        "        .balign 16\n"
        "        .skip 4096\n"
        "frame:  .skip 16\n"
        ".text\n");

void print(const char *text)
{
    while (*text)
        CONSOLE = *text++;
}

void copy_string(char *to, const char *from)
{
    while ((*to++ = *from++))
        ;
}

void show_board(void)
{
    char name[32];

    copy_string(name, eeprom);
    print("board: ");
    print(name);
    print("\n");
}

void boot(void)
{
    print("booting\n");
    show_board();
    print("ready\n");
    EXIT = 0;
}
