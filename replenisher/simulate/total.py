"""What all seeds of one command came to: how fast time passed, whether enough went wrong for it to mean much, and how
long it took to find back.
"""

from collections import Counter, defaultdict

from msgspec import to_builtins

from replenisher.simulate.run import Outcome
from replenisher.simulate.tally import WANTED_PER_HOUR
from replenisher.simulate.times import broken, figures, lines

HOUR_S, MINUTE_S = 3600.0, 60.0


class Total:
    """Adds up outcomes."""

    def __init__(self) -> None:
        self._seeds = self._messages = 0
        self._seconds = self._cpu_s = 0.0
        self._tally: Counter[str] = Counter()
        self._times: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, outcome: Outcome) -> None:
        """One more."""
        self._seeds += 1
        self._messages += outcome.messages
        self._seconds += outcome.seconds
        self._cpu_s += outcome.cpu_s
        self._tally.update(outcome.tally)
        for name, seen in outcome.times.items():
            self._times[name] += seen

    def document(self) -> dict[str, object]:
        """As a script would read it."""
        hours = self._seconds / HOUR_S
        return {
            "seeds": self._seeds,
            "hours": round(hours, 2),
            "messages_per_s": round(self._messages / self._seconds, 1),
            "hours_per_cpu_minute": round(hours / (self._cpu_s / MINUTE_S), 1),
            "per_hour": {name: round(count / hours, 1) for name, count in sorted(self._tally.items())},
            "times": {promise.name: to_builtins(seen) for promise, seen in figures(self._times).items()},
        }

    def rare(self) -> list[str]:
        """What went wrong less often than the hours would be worth."""
        hours = self._seconds / HOUR_S
        return [name for name, wanted in WANTED_PER_HOUR.items() if self._tally[name] < wanted * hours]

    def slow(self) -> list[str]:
        """What took longer than is promised."""
        return broken(self._times)

    def sentence(self) -> str:
        """As an operator would."""
        hours = self._seconds / HOUR_S
        come_to = ", ".join(f"{self._tally[name] / hours:.1f} {name}" for name in WANTED_PER_HOUR)
        hits = ", ".join(
            f"{name} {count / hours:.1f}" for name, count in sorted(self._tally.items()) if name not in WANTED_PER_HOUR
        )
        return (
            f"{self._seeds} {'seed' if self._seeds == 1 else 'seeds'}, "
            f"{hours:.1f} simulated hours at {self._messages / self._seconds:.1f} messages/s,"
            f" {hours / (self._cpu_s / MINUTE_S):.1f} of them a CPU-minute\n"
            f"in an hour: {come_to}\n"
            f"hits in an hour: {hits or 'none'}\n" + "\n".join(lines(self._times))
        )
