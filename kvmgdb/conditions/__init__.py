"""Conditions and commands of breakpoints: gdb's agent expressions, checked once, compiled once, run at a hit.

``compile.py`` is what the rest of kvmgdb uses.  The bytecode is that of the GDB manual's appendix "The GDB
Agent Expression Mechanism".
"""
