"""Counting exits by verdict and address, in constant memory."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from kvmgdb.inspect.judge import Judged

SUMMARY_SCHEMA = "kvmgdb.exit-summary"
SUMMARY_VERSION = 1
ADDRESS_LIMIT = 10_000
"""How many pairs of verdict and address are counted apart; the rest is counted together, so that a
step through a whole program does not fill the memory."""
SHOWN = 20


class Summary:
    """The counts."""

    def __init__(self) -> None:
        self.total = 0
        self.events: Counter[tuple[str, str]] = Counter()
        """By event and owner."""
        self.addresses: Counter[tuple[str, int]] = Counter()
        """By event and address."""
        self.other_addresses = 0
        self.warnings: Counter[str] = Counter()

    def add(self, judged: Judged) -> None:
        """Count one exit."""
        self.total += 1
        label = judged.label
        self.events[label, judged.verdict.owner.value] += 1
        for quirk in judged.verdict.quirks:
            self.warnings[quirk.code] += 1
        address = judged.address
        if address is None:
            return
        key = (label, address)
        if key in self.addresses or len(self.addresses) < ADDRESS_LIMIT:
            self.addresses[key] += 1
        else:
            self.other_addresses += 1

    def lines(self) -> Iterator[str]:
        """Print the counts."""
        yield f"{self.total} exit{'' if self.total == 1 else 's'}"
        for (event, owner), count in self.events.most_common():
            yield f"  {count:>9}  {event} ({owner})"
        if self.addresses:
            yield "by address"
        for (event, address), count in self.addresses.most_common(SHOWN):
            yield f"  {count:>9}  {address:#x}  {event}"
        rest = sum(self.addresses.values()) - sum(c for _, c in self.addresses.most_common(SHOWN))
        if rest + self.other_addresses:
            yield f"  {rest + self.other_addresses:>9}  at other addresses"
        if self.warnings:
            yield "warnings"
        for code, count in self.warnings.most_common():
            yield f"  {count:>9}  {code}"

    def json(self) -> str:
        """Make one JSON object of the counts."""
        events = [{"event": e, "owner": o, "count": n} for (e, o), n in self.events.most_common()]
        addresses = [
            {"event": e, "address": hex(a), "count": n} for (e, a), n in self.addresses.most_common()
        ]
        return json.dumps(
            {
                "schema": SUMMARY_SCHEMA,
                "version": SUMMARY_VERSION,
                "total": self.total,
                "events": events,
                "addresses": addresses,
                "other_addresses": self.other_addresses,
                "warnings": dict(self.warnings.most_common()),
            }
        )
