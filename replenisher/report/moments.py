"""Fills of one moment: how sure a mean is whose terms come many at once.

Theory. One taker may fill many orders of ours, and what is filled in one second shares all that the market does after
it, so a hundred of these fills say hardly more than one. With w the weights, x what is averaged, m = sum w x / sum w
and g the moments, of which the fills in one may have anything in common, the variance of m is

    sum over g of (sum in g of w (x - m))^2 / (sum w)^2

the cluster-robust one of a weighted mean, without a factor for few clusters (Liang & Zeger 1986; Cameron & Miller 2015,
"A Practitioner's Guide to Cluster-Robust Inference"). Where each fill is alone it is that of independent ones. As m is
only known in the end, W = sum in g of w and X = sum in g of w x are squared as they come:

    sum (X - m W)^2 = sum X^2 - 2 m sum W X + m^2 sum W^2

A moment is a second of one instrument, by the venue's clock. An account's fills come in its order, so that nothing is
kept of them but the sums and, of each row, the last moment, which may go on.
"""

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any

from replenisher.model.units import HOUR_NS, SECOND_NS

if TYPE_CHECKING:
    from replenisher.store.marked import Floats, Times

HOURS = 24
SECONDS_MAX = 1 << 34  # since 1970


class Moments:
    """Adds up the fills of each moment that share something, and the squares of that, by what they share and by hour.

    A moment is in one hour, so that hours can be added up.
    """

    def __init__(self, points: int) -> None:
        import numpy as np

        self._places: dict[Hashable, int] = {}
        self._squares: Floats = np.zeros((points, 4, 0))  # count, WW, WX, XX
        self._last: Floats = np.zeros((points, 2, 0))  # W and X of the last moment, which are in these already
        self._second: Times = np.zeros(0, dtype=np.int64)  # in which it is

    def place(self, shared: Hashable) -> int:
        """A number for what fills share, the instrument among it."""
        return self._places.setdefault(shared, len(self._places))

    def add(self, place: "Times", at: "Times", weight: "Floats", gained: "Floats") -> None:
        """Some more fills, with w and w x of each by point; no moment before the last one is among them."""
        import numpy as np

        width = len(self._places) * HOURS
        self._squares, self._last = widened(self._squares, width), widened(self._last, width)
        self._second = widened(self._second, width)
        row = place * HOURS + at // HOUR_NS % HOURS
        moments, moment = np.unique(row * SECONDS_MAX + at // SECOND_NS, return_inverse=True)
        row, second = np.divmod(moments, SECONDS_MAX)
        starts = np.flatnonzero(np.diff(row, prepend=-1))
        ends, row = np.append(starts[1:], len(moments)) - 1, row[starts]
        goes_on = self._second[row] == second[starts]
        self._second[row] = second[ends]
        for squares, last, *terms in zip(self._squares, self._last, weight, gained, strict=True):
            sums: Floats = np.stack([np.bincount(moment, each, len(moments)) for each in terms])
            before = last[:, row] * goes_on
            sums[:, starts] += before
            squares[:, row] += np.add.reduceat(_squared(sums), starts, axis=-1) - _squared(before)
            last[:, row] = sums[:, ends]

    def of(self, some: Iterable[tuple[Hashable, int]]) -> Any:
        """How many moments there were of what shares one of these, in its hour, and their squares, by point."""
        rows = sorted({self._places[shared] * HOURS + hour for shared, hour in some})
        return self._squares[..., rows].sum(axis=-1).tolist()


def _squared(sums: "Floats") -> "Floats":
    """Whether anything of a moment is known, as 0 or 1, and its squares."""
    import numpy as np

    weight, _ = sums
    squares = np.empty((4, len(weight)))
    squares[0] = weight > 0
    np.multiply(weight, sums, out=squares[1:3])
    np.square(sums[1], out=squares[3])
    return squares


def widened(sums: Any, width: int) -> Any:
    """The same with zeros behind, if it is not as wide as this."""
    import numpy as np

    missing = max(0, width - sums.shape[-1])
    return np.concatenate([sums, np.zeros((*sums.shape[:-1], missing), sums.dtype)], axis=-1) if missing else sums
