"""The wire, without I/O: framing, packets as values, replies."""
