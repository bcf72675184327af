# A boot sector: 512 bytes, real mode, loaded at 0x7c00.
#   as --32 -o boot.o boot.S && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -e start -o boot.bin boot.o
        .code16
        .globl start
start:  cli
        xorw %ax, %ax
        movw %ax, %ds
        movw $text, %si
next:   lodsb
        testb %al, %al
        jz done
        outb %al, $0xe9         # the console
        jmp next
done:   xorb %al, %al
        outb %al, $0xf4         # the exit device: status 0
        hlt
text:   .asciz "hello from the boot sector\n"
        .org 510
        .word 0xaa55
