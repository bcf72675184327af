"""The x86 plugin: registers, debug registers, breakpoints, exits and start modes of x86 guests."""
