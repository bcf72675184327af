"""Backends: what runs a guest.  ``base`` is the contract; the session knows nothing else."""
