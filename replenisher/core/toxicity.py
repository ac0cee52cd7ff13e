"""Toxicity: what the fills of one level have brought, and how close together those of one side came.

Theory. The markout of a fill is `side * (mid after h - price)`: what we had gained by it once the market knew what the
taker knew. Where nobody knows anything its mean is the half spread at every h; a level whose fills lose on average is
taken by those who know better. And who knows something takes more than once: fills of one side that cluster are a
warning before any markout can be known.

A fill is judged by the others' mid `horizon` after we heard of it, and counts for `window` after that. One whose
horizon falls into a time without a market says nothing. All is constant work for a fill and for a look at the market.

It is learned anew in every life. It is made of the market, which the journal keeps only on request, so another life
could not work out the same; and what it says is minutes old at the most, about a market that has moved meanwhile.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from replenisher.model.order import Side
from replenisher.model.units import BPS, NEVER_NS

NANO = 1e9  # markouts are summed in whole billionths of a basis point: a running sum of doubles would drift


class Response(StrEnum):
    """What becomes of the refill of a toxic level."""

    WIDEN = "widen"  # it stands further out
    DELAY = "delay"  # it comes later
    WITHHOLD = "withhold"  # it does not come as long as the level is toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class ToxicityPolicy:
    """When a level is toxic, and what follows."""

    response: Response
    horizon_ns: int  # a fill is judged so long after it
    window_ns: int  # and counts for so long
    fills_min: int  # fewer say nothing about a level
    markout_bps_min: float  # a level whose fills bring less on average is toxic
    cluster_fills: int | None = None  # so many fills of a side within `cluster_ns` make each level they hit toxic
    cluster_ns: int = 0
    widen_bps: float = 0.0
    delay_ns: int = 0


class Record(msgspec.Struct):
    """What is known of one level."""

    fills: int = 0  # judged, and not too old
    sum_nano: int = 0  # of their markouts
    filled_at: int = -NEVER_NS  # the last time
    clustered_until: int = 0  # because it was hit by the last cluster of its side

    @property
    def markout_bps(self) -> float:
        """Mean of what those fills have brought."""
        return self.sum_nano / self.fills / NANO


class Toxicity:
    """Judges the levels of one strategy."""

    __slots__ = ("_clusters", "_judged", "_records", "_waiting", "policy")

    def __init__(self, policy: ToxicityPolicy) -> None:
        self.policy = policy
        self._records: dict[tuple[Side, int], Record] = {}
        self._waiting: deque[tuple[int, Record, int, float]] = deque()  # due when, of which level, sign, price
        self._judged: deque[tuple[int, Record, int]] = deque()  # counts until when, for which level, how much
        self._clusters: dict[Side, deque[int]] = {side: deque(maxlen=policy.cluster_fills or 1) for side in Side}

    def saw_fill(self, side: Side, level: int, price: float, at: int) -> None:
        """One of our orders traded, all or in part."""
        record = self._records.get((side, level))
        if record is None:
            record = self._records[side, level] = Record()
        record.filled_at = max(record.filled_at, at)
        self._waiting.append((at + self.policy.horizon_ns, record, side.sign, price))
        self._note_cluster(side, at)

    def pass_time(self, mid: float | None, at: int) -> None:
        """Until now the others' mid was this one, in price units; None where there was no market."""
        while self._waiting and self._waiting[0][0] <= at:
            _, record, sign, price = self._waiting.popleft()
            if mid is not None:
                nano = round(sign * (mid / price - 1) * BPS * NANO)
                record.fills += 1
                record.sum_nano += nano
                self._judged.append((at + self.policy.window_ns, record, nano))
        while self._judged and self._judged[0][0] <= at:
            _, record, nano = self._judged.popleft()
            record.fills -= 1
            record.sum_nano -= nano

    def why(self, side: Side, level: int, at: int) -> str:
        """Why a level is toxic; empty if it is not."""
        record = self._records.get((side, level))
        if record is None:
            return ""
        policy = self.policy
        if record.fills >= policy.fills_min and record.markout_bps < policy.markout_bps_min:
            return f"mean markout {record.markout_bps:.2f} bps of {record.fills} fills"
        if at < record.clustered_until:
            return f"{policy.cluster_fills} fills on its side within {policy.cluster_ns / 1e9:g} s"
        return ""

    def holds(self, side: Side, level: int, at: int) -> bool:
        """Whether the refill of a toxic level has to wait now."""
        match self.policy.response:
            case Response.WIDEN:
                return False
            case Response.DELAY:
                return at < self._records[side, level].filled_at + self.policy.delay_ns
            case Response.WITHHOLD:
                return True

    def toxic(self, at: int) -> dict[tuple[Side, int], str]:
        """Every toxic level, and why."""
        return {key: why for key in self._records if (why := self.why(*key, at))}

    def changes_at(self, at: int) -> int:
        """When time alone may say something else next."""
        times = [queue[0][0] for queue in (self._waiting, self._judged) if queue]
        times += [record.clustered_until for record in self._records.values()]
        if self.policy.response is Response.DELAY:
            times += [record.filled_at + self.policy.delay_ns for record in self._records.values()]
        return min((time for time in times if time > at), default=NEVER_NS)

    def _note_cluster(self, side: Side, at: int) -> None:
        """Another fill of this side: if it and those before are a cluster, each level that they hit is toxic."""
        policy, times = self.policy, self._clusters[side]
        times.append(at)
        if policy.cluster_fills is None or len(times) < policy.cluster_fills or at >= times[0] + policy.cluster_ns:
            return
        for (hit, _), record in self._records.items():
            if hit is side and record.filled_at >= times[0]:
                delayed_until = record.filled_at + policy.delay_ns if policy.response is Response.DELAY else 0
                record.clustered_until = max(times[0] + policy.cluster_ns, delayed_until)
