"""What the experiment must come to: the tables as published, and the true values that they scatter around.

The true values and the bands were computed by others for this purpose, with an implementation that is not ours. A band
holds 99.9 % of what so many paths give; that of a standard deviation knows the kurtosis of what it is one of.
"""

from typing import NamedTuple

from replenisher.experiment.exact import Moments, Quoter
from replenisher.experiment.published import Printed, Published, published

INVENTORY, SYMMETRIC = Quoter.INVENTORY, Quoter.SYMMETRIC


class Truth(NamedTuple):
    """What one quoter of the paper comes to."""

    moments: Moments
    spread: float
    band_1000: Moments
    band_10000: Moments


TRUTHS = {
    (0.1, INVENTORY): Truth(
        Moments(64.8925, 6.5432, 0, 2.9268),
        1.491771,
        Moments(0.681, 0.485, 0.305, 0.215),
        Moments(0.215, 0.153, 0.096, 0.068),
    ),
    (0.1, SYMMETRIC): Truth(
        Moments(68.2228, 13.4558, 0, 8.3994),
        1.491771,
        Moments(1.400, 1.496, 0.874, 0.618),
        Moments(0.443, 0.473, 0.276, 0.195),
    ),
    (0.01, INVENTORY): Truth(
        Moments(68.3996, 8.9606, 0, 5.2125),
        1.349009,
        Moments(0.932, 0.756, 0.542, 0.383),
        Moments(0.295, 0.239, 0.171, 0.121),
    ),
    (0.01, SYMMETRIC): Truth(
        Moments(68.6661, 13.6775, 0, 8.7117),
        1.349009,
        Moments(1.423, 1.547, 0.906, 0.641),
        Moments(0.450, 0.489, 0.287, 0.203),
    ),
    (0.5, INVENTORY): Truth(
        Moments(48.5681, 5.8981, 0, 1.9558),
        2.155728,
        Moments(0.614, 0.436, 0.203, 0.144),
        Moments(0.194, 0.138, 0.064, 0.045),
    ),
    (0.5, SYMMETRIC): Truth(
        Moments(59.9179, 12.3213, 0, 6.9184),
        2.155728,
        Moments(1.282, 1.216, 0.720, 0.509),
        Moments(0.405, 0.385, 0.228, 0.161),
    ),
    (1.0, INVENTORY): Truth(
        Moments(31.4545, 4.8379, 0, 1.6414),
        3.031651,
        Moments(0.503, 0.362, 0.171, 0.121),
        Moments(0.159, 0.115, 0.054, 0.038),
    ),
    (1.0, SYMMETRIC): Truth(
        Moments(43.6853, 10.7332, 0, 5.1714),
        3.031651,
        Moments(1.117, 0.962, 0.538, 0.380),
        Moments(0.353, 0.304, 0.170, 0.120),
    ),
}


def paper() -> Published:
    """The tables as published."""
    found = published()
    assert found is not None, "a checkout has them"
    return found


PAPER: dict[tuple[float, Quoter], Printed] = paper().rows
