"""Choosing who decodes an exit: by what the user says, what the input says, or what the bytes look like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from kvmgdb.arch.exits import ExitDecoder, PayloadForm
from kvmgdb.arch.kvm_run import UNION_OFFSET, UNION_OFFSET_S390
from kvmgdb.arch.registers import ByteOrder
from kvmgdb.errors import PayloadError, PluginError, UsageError
from kvmgdb.inspect import foreign
from kvmgdb.inspect.foreign import Foreign
from kvmgdb.inspect.numbers import shown
from kvmgdb.inspect.raw import RawExit


@dataclass(frozen=True, slots=True)
class Chosen:
    """An exit's payload with who can read it."""

    payload: bytes
    byteorder: ByteOrder
    arch: str
    """``x86:64``; the foreign architecture's name where nobody can."""
    reader: ExitDecoder | Foreign
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Fields the input does not have; they are 0 in ``payload``."""


@dataclass(frozen=True, slots=True)
class _Match:
    """The decoder whose payload has most of some field names."""

    decoder: ExitDecoder
    known: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Decoders:
    """The decoders at hand."""

    defaults: tuple[ExitDecoder, ...]
    """One for each architecture that has a payload, tried in this order where nothing names one."""
    resolve: Callable[[str], ExitDecoder]
    """By name, such as ``ppc:440``; raises UsageError."""
    given: str = ""
    """What ``--arch`` says; empty: nothing."""
    byteorder: ByteOrder | None = None
    """What ``--byteorder`` says."""
    _cache: dict[str, ExitDecoder] = field(default_factory=dict)

    @property
    def decodable(self) -> bool:
        """Whether ``--arch`` names an architecture that a plugin may decode."""
        return bool(self.given) and self._stranger(self.given) is None

    def choose(self, raw: RawExit) -> Chosen:
        """Find the decoder and the bytes for a debug exit.

        Raises:
            PayloadError: nobody can read it.
        """
        name = self.given or raw.arch
        stranger = self._stranger(name) if name else foreign.by_fields(tuple(raw.fields))
        if stranger is not None:
            return _foreign(stranger, raw)
        if raw.payload is None:
            return self._by_fields(raw, name)
        return self._by_bytes(raw, raw.payload, name)

    def _stranger(self, name: str) -> Foreign | None:
        """Find a foreign architecture by its name, unless a plugin decodes it after all."""
        stranger = foreign.by_arch(name)
        if stranger is not None:
            try:
                self.named(name)
            except (PayloadError, PluginError):
                return stranger
        return None

    def named(self, name: str) -> ExitDecoder:
        """Find a decoder by an architecture's name.

        Raises:
            PayloadError: no plugin knows it.
        """
        if name not in self._cache:
            try:
                self._cache[name] = self.resolve(name)
            except UsageError as error:
                raise PayloadError(str(error)) from None
        return self._cache[name]

    def _by_fields(self, raw: RawExit, name: str) -> Chosen:
        match = self._match(tuple(raw.fields), name)
        decoder, missing = match.decoder, match.missing
        order = raw.byteorder or decoder.byteorders[0]
        notes = (f"not in the input, taken as 0: {', '.join(missing)}",) if missing else ()
        payload = decoder.form.pack({key: raw.fields[key] for key in match.known}, order)
        return Chosen(payload, order, decoder.layout.arch, decoder, notes, missing)

    @cached_property
    def _match(self) -> Callable[[tuple[str, ...], str], _Match]:
        """Keep the last few matches: a stream has the same names a million times over."""
        return lru_cache(maxsize=64)(self._match_names)

    def _match_names(self, names: tuple[str, ...], arch: str) -> _Match:
        candidates = (self.named(arch),) if arch else self.defaults
        decoder = max(candidates, key=lambda d: len(_names(d.form).intersection(names)), default=None)
        known = tuple(name for name in names if decoder is not None and name in _names(decoder.form))
        if decoder is None or (decoder.form.fields and not known):
            wanted = "; ".join(f"{d.form.arch}: {', '.join(sorted(_names(d.form)))}" for d in candidates)
            raise PayloadError(f"{shown(', '.join(names))}: none is a field of a debug exit ({wanted})")
        in_order = (field.name for field in decoder.form.fields)
        missing = tuple(name for name in in_order if name not in known and name not in _PADDING)
        return _Match(decoder, known, missing)

    def _by_bytes(self, raw: RawExit, payload: bytes, name: str) -> Chosen:
        candidates = [self.named(name)] if name else list(self.defaults)
        known = raw.byteorder or self.byteorder
        for decoder in candidates:
            if len(payload) >= _least(decoder):
                for order in (known,) if known else decoder.byteorders:
                    if decoder.plausible(payload, order):
                        return _chosen(decoder, payload, order, _assumed(raw, decoder, order, name, known))
        stranger = None if name else foreign.by_bytes(payload)
        if stranger is not None:
            return _foreign(stranger, raw)
        decoder = next((d for d in candidates if len(payload) >= _least(d)), candidates[0])
        if not name and len([d for d in candidates if len(payload) >= _least(d)]) != 1:
            raise PayloadError(f"its {len(payload)} bytes look like no architecture's: name one with --arch")
        order = known or decoder.byteorders[0]
        return _chosen(decoder, payload, order, _assumed(raw, decoder, order, name, known))


_PADDING = frozenset({"pad", "reserved"})


def _names(form: PayloadForm) -> set[str]:
    return {field.name for field in form.fields}


def _least(decoder: ExitDecoder) -> int:
    """Give the shortest payload to accept: one may end before its last field."""
    if not decoder.form.fields:
        return 0
    last = decoder.form.fields[-1]
    return last.offset if last.size == 8 else decoder.form.size


def lengths(decoder: ExitDecoder) -> tuple[int, ...]:
    """Give the lengths a bare payload has: whole, or without its last word (x86 before dr7)."""
    return _least(decoder), decoder.form.size


def _chosen(decoder: ExitDecoder, payload: bytes, order: ByteOrder, notes: tuple[str, ...]) -> Chosen:
    size = decoder.form.size
    missing: tuple[str, ...] = ()
    if _least(decoder) <= len(payload) < size:
        missing = (decoder.form.fields[-1].name,)
        notes = (*notes, f"not in the input, taken as 0: {missing[0]}")
        payload = payload[: _least(decoder)].ljust(size, b"\0")
    return Chosen(payload[:size], order, decoder.layout.arch, decoder, notes, missing)


def _assumed(
    raw: RawExit, decoder: ExitDecoder, order: ByteOrder, name: str, known: ByteOrder | None
) -> tuple[str, ...]:
    notes = []
    if not name:
        notes.append(f"taken for {decoder.layout.arch} by its values; --arch names another")
    if known is None and len(decoder.byteorders) > 1:
        notes.append(f"taken as {order}-endian by its values; --byteorder names the other")
    return tuple(notes)


def _foreign(stranger: Foreign, raw: RawExit) -> Chosen:
    """Keep what can be said of a payload nobody decodes."""
    order = raw.byteorder or ("big" if stranger.name == "s390" else "little")
    size = stranger.form.size
    if raw.payload is None:
        known = {f.name: raw.fields[f.name] for f in stranger.form.fields if f.name in raw.fields}
        payload = stranger.form.pack(known, order)
    else:
        payload = raw.payload[:size]
    if len(payload) < size:
        raise PayloadError(f"an {stranger.name} payload has {size} bytes and this one has {len(payload)}")
    return Chosen(payload, order, stranger.name, stranger)


def union_offset(arch: str) -> int:
    """Say where the union of ``struct kvm_run`` begins."""
    stranger = foreign.by_arch(arch) if arch else None
    return UNION_OFFSET_S390 if stranger is not None and stranger.name == "s390" else UNION_OFFSET
