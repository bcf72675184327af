"""What architecture plugins speak: registers, breakpoints, stops, debug layouts, exits.

Pure values and protocols; nothing here does I/O or knows a backend.
"""
