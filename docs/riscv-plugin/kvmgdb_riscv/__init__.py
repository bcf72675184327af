"""RISC-V guests for kvmgdb: a third party's plugin, complete."""
