"""The worked chain of the micro-price: a touch of four buckets and one spread, and a path of it."""

import numpy as np

from replenisher.core.book import Touch

STAYS = np.array(
    [[0.50, 0.20, 0.05, 0.02], [0.15, 0.50, 0.20, 0.04], [0.04, 0.20, 0.50, 0.15], [0.02, 0.05, 0.20, 0.50]]
)
MOVES = np.array([[0.20, 0.03], [0.08, 0.03], [0.03, 0.08], [0.03, 0.20]])  # a tick down, a tick up
AFTER_DOWN = np.array([0.1, 0.2, 0.3, 0.4])
FALLS = MOVES[:, :1] * AFTER_DOWN + MOVES[:, 1:] * AFTER_DOWN[::-1]


def path(steps: int, seed: int) -> list[Touch]:
    """Touches of that chain: in bucket b of four, b + 1 stand on the bid of five in all; the spread is a tick."""
    chance = np.random.default_rng(seed)
    choices = np.column_stack([STAYS, MOVES[:, :1] * AFTER_DOWN, MOVES[:, 1:] * AFTER_DOWN[::-1]]).cumsum(axis=1)
    touches, bucket, bid = [], 0, 10_000
    for luck in chance.random(steps):
        choice = int(np.searchsorted(choices[bucket], luck))
        bucket, bid = choice % 4, bid + (0, -1, 1)[choice // 4]
        touches.append(Touch(bid, bucket + 1, bid + 1, 4 - bucket))
    return touches
