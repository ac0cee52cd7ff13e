"""How sure it is what a few sweeps say: intervals by drawing as many again and again from those that were seen."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from replenisher.core.resilience import Recovery, Resilience, resilience_of

SEED = 1  # so that who asks twice is told the same
DRAWN = 100_000  # sweeps in all: what that takes is a second, however many were seen
DRAWS_MIN, DRAWS_MAX = 40, 200


def with_intervals(recoveries: Sequence[Recovery]) -> Resilience:
    """What sweeps of one band say together, with intervals where there are two of them at least."""
    sweeps = len(recoveries)
    if sweeps < 2:
        return resilience_of(recoveries)
    import numpy as np

    draws = max(DRAWS_MIN, min(DRAWS_MAX, DRAWN // sweeps))
    return resilience_of(recoveries, np.random.default_rng(SEED).integers(sweeps, size=(draws, sweeps)).tolist())


def resampled(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a daemon to `status`, with what its sweeps say and how sure that is in their place."""
    sweeps = msgspec.convert(answer["sweeps"], dict[str, dict[str, list[Recovery]]])
    resilience = {
        instrument: {band: msgspec.to_builtins(with_intervals(recoveries)) for band, recoveries in bands.items()}
        for instrument, bands in sweeps.items()
    }
    return {name: value for name, value in answer.items() if name != "sweeps"} | {"resilience": resilience}
