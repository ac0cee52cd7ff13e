"""The table of Stoikov's micro-price, estimated from the touches of a tape.

The touch is a Markov chain: its state is the bucket of its imbalance and its spread, one step is one change of it. Of
each state three things are counted: how often the next one comes without the mid moving (Q), how often the mid moves by
how much (R1), and into which states it then falls (R2). G1 = (I - Q)^-1 R1 K is the move that the first move of the mid
brings on average, B = (I - Q)^-1 R2 the state after it, and G1 + B G1 + B^2 G1 + ... what all moves to come bring: the
micro-price is the mid and that. Six terms are as good as all: Stoikov, "The micro-price: a high-frequency estimator of
future prices", Quant. Finance 18 (2018).

Each step counts a second time in the mirror, bids for asks: a market that happened to rise while it was recorded must
not teach that it rises. For that reason, too, the series has a limit.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from replenisher.core.book import Touch
from replenisher.core.signals.stoikov import StoikovTable
from replenisher.errors import ReplenisherError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

ROUNDS = 6
SINGULAR = 1e12  # a state that is left less often than once in so many steps is not left at all
MOVES = (-1.0, -0.5, 0.5, 1.0)  # ticks; what jumps further in one step is not what this model is about


class TooStill(ReplenisherError):
    """The mid of the touches never moves on from some state."""


def adjustments(
    stays: "Array", moves: "Array", falls: "Array", ticks: Sequence[float], rounds: int = ROUNDS
) -> "Array":
    """What to add to the mid in each state: G after so many moves of the mid.

    `stays` is Q, `moves` R1 with a column for each of `ticks` (K), `falls` R2; their rows are states.
    """
    import numpy as np

    leaves = np.eye(len(stays)) - stays
    if np.linalg.cond(leaves) > SINGULAR:
        raise TooStill("the mid of the touch does not move on from each of its states")
    first, after = np.split(np.linalg.solve(leaves, np.column_stack([moves @ np.asarray(ticks), falls])), [1], axis=1)
    term = total = first[:, 0]
    for _ in range(rounds - 1):
        term = after @ term
        total = total + term
    return total


def quantile_edges(touches: Sequence[Touch], buckets: int) -> tuple[float, ...]:
    """Where to cut the imbalance so that as many touches, and their mirrors, fall into each bucket."""
    import numpy as np

    imbalance, _, _ = _columns(touches)
    lower = np.quantile(np.concatenate([imbalance, 1 - imbalance]), np.arange(1, (buckets + 1) // 2) / buckets)
    lower = np.unique(lower[lower < 0.5])
    middle = [0.5] if buckets % 2 == 0 else []
    return (*lower.tolist(), *middle, *(1 - lower[::-1]).tolist())


def estimate(touches: Sequence[Touch], edges: Sequence[float], spreads: int) -> StoikovTable:
    """The table for spreads up to so many ticks; wider touches are left out, and steps that jump over a tick."""
    import numpy as np

    imbalance, spread, mid = _columns([touch for touch in touches if 0 < touch.ask - touch.bid <= spreads])
    buckets, states = len(edges) + 1, (len(edges) + 1) * spreads
    bucket = np.searchsorted(edges, imbalance, side="right")
    half_ticks = np.diff(mid)
    near = np.abs(half_ticks) <= 2
    steps = np.column_stack([spread[:-1] - 1, bucket[:-1], spread[1:] - 1, bucket[1:], half_ticks])[near].astype(int)
    mirror = steps * [1, -1, 1, -1, -1] + [0, buckets - 1, 0, buckets - 1, 0]
    steps = np.concatenate([steps, mirror])
    here, there = steps[:, 0] * buckets + steps[:, 1], steps[:, 2] * buckets + steps[:, 3]
    move = steps[:, 4]

    stays, moves, falls = np.zeros((states, states)), np.zeros((states, len(MOVES))), np.zeros((states, states))
    still = move == 0
    np.add.at(stays, (here[still], there[still]), 1)
    np.add.at(falls, (here[~still], there[~still]), 1)
    for column, ticks in enumerate(MOVES):
        np.add.at(moves, (here[move == 2 * ticks], column), 1)
    visits = np.maximum(np.bincount(here, minlength=states), 1)[:, np.newaxis]
    table = adjustments(stays / visits, moves / visits, falls / visits, MOVES).reshape(spreads, buckets)
    half = np.arange(1, spreads + 1)[:, np.newaxis] / 2
    table = np.clip(table, -half, half)
    return StoikovTable(edges=tuple(float(edge) for edge in edges), adjustments=tuple(map(tuple, table.tolist())))


def _columns(touches: Sequence[Touch]) -> "tuple[Array, Array, Array]":
    """Imbalance, spread in ticks and mid in half ticks of each touch."""
    import numpy as np

    rows = np.array([(touch.bid, touch.bid_quantity, touch.ask, touch.ask_quantity) for touch in touches], dtype=float)
    bid, bid_quantity, ask, ask_quantity = rows.reshape(-1, 4).T
    return bid_quantity / (bid_quantity + ask_quantity), ask - bid, bid + ask
