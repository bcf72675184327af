"""The in-process emulator (Unicorn): the guest runs inside this process, on the session's thread."""
