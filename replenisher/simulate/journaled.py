"""The steps in what a daemon writes to its journal, read by the checks on their own."""

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from replenisher.model.step import Step
from replenisher.store.segments import records

_decode = msgspec.msgpack.Decoder(Step).decode


def steps_about_halts(data: bytes) -> Iterator[Step]:
    """Those of them that may halt everything or lift a halt; the others are not worth the decoding."""
    return steps_in(data) if b"Halt" in data or b"ResumeAsked" in data else iter(())


def steps_in(data: bytes) -> Iterator[Step]:
    """All of them."""
    for payload, _ in records(data):
        with suppress(msgspec.ValidationError):  # a snapshot is no step
            yield _decode(payload)
