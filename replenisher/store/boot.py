"""What a journal remembers when a life begins: the newest snapshot, and the steps after it.

Whatever a life goes on from is brought to the disk first, so that no later loss of power takes it back. It is written
over itself for that: the life before may have died after a sync that failed, and then another sync would do nothing.
"""

from pathlib import Path

import msgspec

from replenisher.model.step import Step
from replenisher.store.disk import Disk
from replenisher.store.growing import write_again
from replenisher.store.segments import Segment, decode_header, decode_step, segments, whole_records


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal remembers when a life begins; once it has begun, the snapshot and the steps are let go."""

    journal_id: str
    epoch: int  # of the last life; 0 if there was none
    step: int  # the last step that was written; 0 if there was none
    snapshot: bytes | None  # None if there was no life before
    steps: tuple[Step, ...]  # those after the snapshot, in the order of their numbers


def remembered(directory: Path, new_id: str, disk: Disk) -> tuple[Boot, int]:
    """What the journal remembers, and the number of its last segment; a torn tail is cut off on the way."""
    known = segments(directory)
    while known:
        segment = known.pop()
        if (found := _memory_of(segment)) is None:
            segment.path.unlink()  # its life or its rotation never got to its first step
            continue
        boot, end = found
        write_again(segment.path, segment.path.read_bytes()[:end], 0, disk)
        return boot, segment.number
    assert len(new_id) == 16, "a journal's id is 16 hex digits"
    return Boot(journal_id=new_id, epoch=0, step=0, snapshot=None, steps=()), 0


def look(directory: Path) -> Boot | None:
    """The same, and nothing is changed; None if nothing is remembered."""
    found = filter(None, map(_memory_of, reversed(segments(directory))))
    return next((boot for boot, _ in found), None)


def _memory_of(segment: Segment) -> tuple[Boot, int] | None:
    """What a segment remembers, and where that ends in it; None if not even its header is whole."""
    found = whole_records(segment)
    if not found:
        return None
    header = decode_header(found[0][0], segment)
    starts = [end for _, end in found]
    decoded = [decode_step(found[i][0], segment, starts[i - 1]) for i in range(1, len(found))]
    steps = {step.number: step for step in decoded}
    boot = Boot(
        journal_id=header.journal_id,
        epoch=header.epoch,
        step=max(header.step, *steps) if steps else header.step,
        snapshot=header.snapshot,
        steps=tuple(steps[number] for number in sorted(steps) if number > header.step),
    )
    return boot, starts[-1]
