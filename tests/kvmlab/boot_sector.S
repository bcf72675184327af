# Reads what follows it on the disk to where it belongs, goes to 64-bit mode, and enters a Linux kernel there
# (the kernel's Documentation/x86/boot.rst, "64-bit Boot Protocol").
#   as -o boot_sector.o boot_sector.S
#   ld -Ttext 0x7c00 -e 0x7c00 --oformat binary -o boot_sector.bin boot_sector.o
# What is read, and where it goes, is in the parameters behind it: see direct_boot.py.
        .set    SECTOR, 0x7c00                  # where a BIOS puts this
        .set    PARAMETERS, SECTOR + 0x1c0
        .set    TARGET, PARAMETERS              # where what is read goes
        .set    CHUNKS, PARAMETERS + 4          # how many chunks that is
        .set    TABLES, PARAMETERS + 8          # page tables
        .set    BOOT_PARAMS, PARAMETERS + 12    # struct boot_params
        .set    ENTRY, PARAMETERS + 16
        .set    BUFFER, 0x10000
        .set    CHUNK, 64                       # sectors

        .code16
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $SECTOR, %sp
        inb     $0x92, %al                      # A20
        orb     $2, %al
        outb    %al, $0x92
        lgdtl   gdt_pointer
next:
        movw    $packet, %si           # INT 13h, extended read
        movw    $0x4280, %ax
        movb    %al, %dl
        int     $0x13
        jc      failed
        cli
        movl    %cr0, %eax                      # segments of four gigabytes
        orb     $1, %al
        movl    %eax, %cr0
        movw    $0x18, %bx
        movw    %bx, %ds
        movw    %bx, %es
        andb    $0xfe, %al
        movl    %eax, %cr0
        movl    $BUFFER, %esi
        movl    (TARGET), %edi
        movl    $CHUNK * 512 / 4, %ecx
        rep movsl (%esi), (%edi)
        movl    %edi, (TARGET)
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        addl    $CHUNK, packet + 8
        decl    (CHUNKS)
        jnz     next

        movl    (TABLES), %eax
        movl    %eax, %cr3
        movl    $1 << 5, %eax                   # CR4.PAE
        movl    %eax, %cr4
        movl    $0xc0000080, %ecx               # EFER.LME
        rdmsr
        orl     $1 << 8, %eax
        wrmsr
        movl    (BOOT_PARAMS), %esi
        movl    (ENTRY), %edi
        movl    %cr0, %eax
        orl     $1 << 31 | 1, %eax              # CR0.PG and PE
        movl    %eax, %cr0
        ljmpl   $0x10, $long_mode
failed: hlt
        jmp     failed

        .code64
long_mode:
        movl    $0x18, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        jmp     *%rdi

        .balign 8
gdt:    .quad   0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff    # __BOOT_CS 10h, __BOOT_DS 18h
gdt_pointer:
        .word   . - gdt - 1
        .long   gdt
packet: .byte   16, 0
        .word   CHUNK, 0, BUFFER >> 4           # sectors, offset, segment
        .quad   1                               # the sector behind this one
