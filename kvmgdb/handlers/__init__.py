"""What the stub does with each packet: one file per feature.

Every module has ``HANDLERS`` (packet class -> function) and ``FEATURES`` (what ``qSupported`` offers for
them), so that what is offered follows from what exists.
"""
