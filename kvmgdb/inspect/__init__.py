"""``kvmgdb inspect-exit``: read debug exits in any form, say what they mean, print it."""
