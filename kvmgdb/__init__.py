"""kvmgdb: a GDB server for virtual-machine guests."""
