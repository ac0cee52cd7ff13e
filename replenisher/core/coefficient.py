"""The coefficients of a model: each is given, or measured while the market goes by and kept within bounds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass as plain_dataclass
from enum import StrEnum
from functools import cached_property
from math import isfinite, sqrt
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, Positive, WrongArgument, about
from replenisher.core.signals.ranges import GarmanKlassVolatility, ParkinsonVolatility, RogersSatchellVolatility
from replenisher.core.signals.signal import Signal, SignalSpec
from replenisher.core.signals.volatility import BipowerVolatility, TwoScaleVolatility, Volatility
from replenisher.model.instrument import Instrument

Window = Annotated[float, Field(ge=30, le=86_400)]  # a shorter one shows too little to tell anything
ROUNDER = 2.0**46 + 1  # leaves seven of the 53 binary digits of a double, which are 64 steps an octave


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Coefficient:
    """Either `value`, or `window_s` with `min` and `max`: what is measured is used within these."""

    value: Annotated[Positive | None, about("the number itself, if it is given")] = None
    window_s: Annotated[Window | None, about("over which it is measured, if it is not given")] = None
    min: Annotated[Positive | None, about("the least that is used of what is measured")] = None
    max: Annotated[Positive | None, about("the most that is used of what is measured")] = None

    @model_validator(mode="after")
    def _is_given_or_measured(self) -> Self:
        measuring = {"window_s": self.window_s, "min": self.min, "max": self.max}
        if self.value is not None:
            given = [name for name, number in measuring.items() if number is not None]
            if given:
                raise WrongArgument(given[0], "it has no meaning beside value")
            return self
        missing = [name for name, number in measuring.items() if number is None]
        if len(missing) == len(measuring):
            raise WrongArgument("value", "missing: give it, or window_s, min and max to have it measured")
        if missing:
            raise WrongArgument(missing[0], "missing: what is measured needs window_s, min and max")
        least, most = self._bounds
        if least > most:
            raise WrongArgument("min", "it must not be greater than max")
        return self

    def signals(self, name: str, measure: Callable[..., SignalSpec]) -> dict[str, SignalSpec]:
        """What a strategy must be shown under this name; nothing if the number is given."""
        return {} if self.window_s is None else {name: measure(window_s=self.window_s)}

    def of(self, measured: float | None) -> float:
        """What the model is to use if this is what is measured.

        While a signal is not known, nothing is quoted. So only who asks without a market, as the doctor does, has
        measured nothing, and is answered with the middle of the bounds.
        """
        if self.value is not None:
            return self.value
        least, most = self._bounds
        return sqrt(least * most) if measured is None else max(least, min(most, measured))

    @property
    def least(self) -> float:
        """The least that is ever used."""
        return self.value if self.value is not None else self._bounds[0]

    @property
    def most(self) -> float:
        """The most that is ever used."""
        return self.value if self.value is not None else self._bounds[1]

    @cached_property
    def _bounds(self) -> tuple[float, float]:
        assert self.min is not None and self.max is not None, "validated"
        return self.min, self.max


def in_steps(signals: Mapping[str, SignalSpec]) -> dict[str, SignalSpec]:
    """The same in steps of at most 1.6 %: what is measured differs with every event, and quotes need not."""
    return {name: InSteps(spec) for name, spec in signals.items()}


@plain_dataclass(frozen=True, slots=True)
class InSteps(SignalSpec):
    """A signal of which only the nearest step is told."""

    measured: SignalSpec

    @property
    def needs_depth(self) -> bool:
        """As what is measured."""
        return self.measured.needs_depth

    @property
    def seen_by(self) -> SignalSpec:
        """The machine knows of no steps."""
        return self.measured.seen_by

    def start(self, instrument: Instrument) -> Signal:
        """That machine."""
        return self.measured.start(instrument)

    def read(self, machine: Signal) -> Callable[[int], float | None]:
        """Its number, in steps."""
        told = self.measured.read(machine)

        def value(venue_time: int) -> float | None:
            number = told(venue_time)
            return None if number is None else nearest_step(number)

        return value


def nearest_step(number: float) -> float:
    """The step that a number is nearest to, by Veltkamp's splitting of a double; what is no number stays none."""
    scaled = number * ROUNDER
    return scaled - (scaled - number) if isfinite(scaled) else number


class Estimator(StrEnum):
    """How a volatility is measured."""

    REALIZED = "realized"  # from the moves of a second
    BIPOWER = "bipower"  # likewise, without jumps
    TWO_SCALE = "two_scale"  # from finer moves, without the bounce of the book
    PARKINSON = "parkinson"  # from how far it ranges within bars of five seconds, if it does not drift
    GARMAN_KLASS = "garman_klass"  # likewise, and from where it opens and closes
    ROGERS_SATCHELL = "rogers_satchell"  # likewise, and it may drift


ESTIMATORS: Mapping[Estimator, Callable[..., SignalSpec]] = {
    Estimator.REALIZED: Volatility,
    Estimator.BIPOWER: BipowerVolatility,
    Estimator.TWO_SCALE: TwoScaleVolatility,
    Estimator.PARKINSON: ParkinsonVolatility,
    Estimator.GARMAN_KLASS: GarmanKlassVolatility,
    Estimator.ROGERS_SATCHELL: RogersSatchellVolatility,
}


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Sigma(Coefficient):
    """The volatility of the mid, in price units per square root of a second."""

    estimator: Annotated[Estimator, about("how it is measured, if it is not given")] = Estimator.REALIZED

    @property
    def measure(self) -> Callable[..., SignalSpec]:
        """What makes the signal that measures it."""
        return ESTIMATORS[self.estimator]


def as_terms(measured: Mapping[str, float]) -> dict[str, float]:
    """What was measured, as it is shown beside what was made of it."""
    return {f"{name}_measured": number for name, number in measured.items()}
