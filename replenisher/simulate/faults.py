"""Everything that may go wrong, one entry a kind: what it is called, which faults it stands for, and what it does.

`ids` are those of the catalogue in `docs/guarantees.md`: N network, X exchange, K local.
"""

from replenisher.simulate.frame_faults import FRAME_FAULTS, FrameFault
from replenisher.simulate.timed_faults import TIMED_FAULTS, TimedFault

FAULTS: tuple[FrameFault | TimedFault, ...] = (*FRAME_FAULTS, *TIMED_FAULTS)
NAMES = tuple(fault.name for fault in FAULTS)
