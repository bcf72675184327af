"""The PowerPC plugin: BookE (40x, 440, e500) and classic (603, 750, 74xx) cores, big-endian."""
