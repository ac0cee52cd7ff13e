"""GLFT held to its paper, to the numbers that others print for it, and to what it approximates."""

from decimal import Decimal, localcontext
from math import e, log, sqrt

import msgspec
import numpy as np
import pytest
from pydantic import ValidationError

from replenisher.core.coefficient import InSteps
from replenisher.core.signals.intensity import ArrivalDecay, ArrivalRate
from replenisher.core.signals.volatility import TwoScaleVolatility
from replenisher.core.strategy import NO_QUOTES, Nonsense, Quotes, View
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from strategies.glft import Glft, coefficients
from tests.core.world import INVERSE, LINEAR
from tests.strategies.test_pure_mm import seen

# ETHUSDT in ticks and seconds, as a public tutorial calibrates it; it prints the half spread and the skew below.
TUTORIAL = {"a": 2.986162360812285, "k": 0.04235741115084049}
TUTORIAL_SIGMA = 10.69


def glft(**other: object) -> Glft:
    """One unit a side at the tutorial's coefficients, unless told otherwise."""
    plain: dict[str, object] = {
        "size_unit": "base",
        "order_amount": "1",
        "gamma": 0.05,
        "sigma": {"value": TUTORIAL_SIGMA},
        "a": {"value": TUTORIAL["a"]},
        "k": {"value": TUTORIAL["k"]},
    }
    return Glft(**(plain | other))


def prices(answer: Quotes, side: Side) -> list[int]:
    return [quote.price for quote in answer.quotes if quote.side is side]


def test_the_half_spread_and_the_skew_are_what_the_tutorial_prints() -> None:
    terms = glft().quote(seen()).terms

    assert terms["half_spread"] == pytest.approx(20.47208533844371, abs=1e-10)
    assert terms["skew"] == pytest.approx(9.76326865029227, abs=1e-10)
    assert terms["c1"] == pytest.approx(15.590451013297574, abs=1e-10)
    assert terms["c2"] == pytest.approx(0.9133085734604556, abs=1e-10)


@pytest.mark.parametrize(
    ("key", "extreme"),
    [
        ("k", {"k": {"value": 1e-300}}),
        ("k", {"k": {"window_s": 60, "min": 1e-30, "max": 1}, "size_unit": "quote", "order_amount": "1000"}),
        ("gamma", {"gamma": 1e300}),
        ("a", {"a": {"value": 1e-320}}),
        ("sigma", {"sigma": {"value": 1e200}}),
    ],
)
def test_terms_from_which_no_price_follows_are_refused(key: str, extreme: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        glft(**extreme)

    (error,) = caught.value.errors()
    assert error["ctx"]["error"].key == key
    assert "no price follows from the model, whatever is traded" in error["msg"]


def test_terms_may_be_as_small_or_large_as_a_price_still_follows() -> None:
    for harmless in ({"gamma": 1e-300}, {"k": {"value": 1e300}}, {"a": {"value": 1e300}}, {"sigma": {"value": 1e-300}}):
        assert len(glft(**harmless).quote(seen()).quotes) == 2


def test_an_inventory_with_which_no_price_follows_says_so() -> None:
    with pytest.raises(Nonsense, match="no price follows from its terms: bids begin at "):
        glft().quote(seen(inventory="1e12"))


@pytest.mark.parametrize(
    ("order", "xi", "c1", "c2"),
    [
        (0.5, 0.05, 18.554781308613283, 1.1745044123178539),
        (10, 0.05, 5.099563621664764, 0.5604429590122505),
        (1, 0.0, 23.608619432355397, 0.7329862578293846),
        (1, 1e-13, 23.608619432355397, 0.7329862578293846),  # the limit is reached without a jump
        (1, 1e-15, 23.608619432355397, 0.7329862578293846),
        (1, 1e-320, 23.608619432355397, 0.7329862578293846),
    ],
)
def test_order_size_and_aversion_to_the_chance_of_fills(order: float, xi: float, c1: float, c2: float) -> None:
    assert coefficients(order, 0.05, xi, **TUTORIAL) == pytest.approx((c1, c2), abs=1e-10)

    terms = glft(order_amount=str(order), xi=xi).quote(seen()).terms
    assert (terms["c1"], terms["c2"]) == pytest.approx((c1, c2), abs=1e-10)
    assert terms["half_spread"] == pytest.approx(c1 + order / 2 * TUTORIAL_SIGMA * c2)
    assert terms["skew"] == pytest.approx(TUTORIAL_SIGMA * c2)


def test_both_sides_move_against_the_inventory() -> None:
    # In a tick of 0.1: half a spread is 20.472, and each unit held moves both sides by 9.763.
    strategy = glft(min_spread_bps=None)

    flat, long, short = (strategy.quote(seen(inventory=held)) for held in ("0", "3", "-3"))

    assert (prices(flat, Side.BUY), prices(flat, Side.SELL)) == ([99_795], [100_205])
    assert (prices(long, Side.BUY), prices(long, Side.SELL)) == ([99_502], [99_912])  # sold below fair value
    assert (prices(short, Side.BUY), prices(short, Side.SELL)) == ([100_088], [100_498])
    assert long.terms["centre"] == pytest.approx(10_000 - 3 * 9.76326865029227)


@pytest.mark.parametrize("alpha", [-37.5, 0.5, 800.0])
def test_an_opinion_of_where_the_price_goes_moves_every_quote_and_changes_neither_spread_nor_skew(alpha: float) -> None:
    plain, shifted = (
        glft(order_levels=3, level_spacing_bps=1, fair_value={"source": "fixed", "price": price}).quote(
            seen(inventory="2")
        )
        for price in (10_000.0, 10_000.0 + alpha)
    )

    for term in ("half_spread", "skew", "c1", "c2", "inventory_base"):
        assert shifted.terms[term] == plain.terms[term]
    assert shifted.terms["centre"] - plain.terms["centre"] == pytest.approx(alpha, abs=1e-9)
    firsts = [[prices(answer, side)[0] for side in Side] for answer in (plain, shifted)]
    assert np.subtract(firsts[1], firsts[0]) == pytest.approx(alpha / LINEAR.tick_float)


def test_unless_told_otherwise_no_quote_crosses_fair_value() -> None:
    answer = glft().quote(seen(inventory="3"))

    assert prices(answer, Side.SELL) == [100_000]


def test_the_inventory_counts_from_the_target() -> None:
    assert glft(target_base=3.0).quote(seen(inventory="3")).terms["centre"] == 10_000
    assert glft(target_base=3.0).quote(seen()).terms["inventory_base"] == -3


@pytest.mark.parametrize(
    ("instrument", "unit", "amount", "inventory"),
    [
        (LINEAR, "base", "0.5", "0.25"),
        (LINEAR, "quote", "5000", "0.25"),  # 10,000 a unit
        (LINEAR, "contract", "500", "0.25"),  # a contract is a lot of 0.001 where the venue counts in coins
        (INVERSE, "quote", "25000", "12500"),  # 50,000 a unit
        (INVERSE, "base", "0.5", "12500"),
        (INVERSE, "contract", "2500", "12500"),
    ],
)
def test_the_model_counts_in_the_base_currency(instrument: Instrument, unit: str, amount: str, inventory: str) -> None:
    terms = glft(size_unit=unit, order_amount=amount).quote(seen(instrument, inventory=inventory)).terms

    assert (terms["order_base"], terms["inventory_base"]) == pytest.approx((0.5, 0.25))


def test_further_levels_follow_the_first() -> None:
    strategy = glft(order_levels=3, level_spacing_bps=5, size_curve="linear", level_amount_step=0.5)

    answer = strategy.quote(seen())

    assert prices(answer, Side.BUY) == [99_795, 99_745, 99_695]
    assert prices(answer, Side.SELL) == [100_205, 100_255, 100_305]
    assert [quote.quantity for quote in answer.quotes] == [1_000, 1_500, 2_000] * 2


def test_what_has_not_changed_is_not_worked_out_again() -> None:
    strategy = glft()

    assert strategy.quote(seen()) is strategy.quote(seen())
    assert strategy.quote(seen(inventory="1")) is not strategy.quote(seen())
    assert glft(fair_value={"source": "last", "max_trade_age_s": 60}).quote(seen()) is NO_QUOTES


# --- Against what it approximates ----------------------------------------------------------------------------------


def limit_distances(gamma: float, sigma: float, a: float, k: float, held_max: int = 30) -> dict[int, float]:
    """How far the bid is from the mid by inventory, without a closed form: the horizon goes to infinity.

    The paper's matrix, whose smallest eigenvalue's vector the value function tends to.
    """
    held = np.arange(-held_max, held_max + 1)
    arrivals = a * (1 + gamma / k) ** -(1 + k / gamma)
    matrix = np.diag(k / 2 * gamma * sigma**2 * held.astype(float) ** 2)
    matrix -= arrivals * (np.eye(len(held), k=1) + np.eye(len(held), k=-1))
    _, vectors = np.linalg.eigh(matrix)
    value = np.log(np.abs(vectors[:, 0]))
    return dict(zip(held[:-1].tolist(), (value[:-1] - value[1:]) / k + log(1 + gamma / k) / gamma, strict=True))


FIGURE = {"sigma": 0.3, "a": 0.9, "k": 0.3}  # ticks and seconds, as in the figures of the paper
STUDY = {"sigma": 2.0, "a": 140.0, "k": 1.5}  # Avellaneda & Stoikov's


@pytest.mark.parametrize(
    ("gamma", "world", "bids"),
    [
        (
            0.01,
            FIGURE,
            {
                0: (3.313045, 3.312915),
                1: (3.381168, 3.380781),
                2: (3.449280, 3.448647),
                5: (3.653479, 3.652244),
                10: (3.992933, 3.991574),
            },
        ),
        (0.1, FIGURE, {0: (2.993084, 2.991576), 5: (4.147812, 4.139126), 10: (5.265363, 5.286677)}),
        (0.1, STUDY, {0: (0.671628, 0.671244), 5: (0.931780, 0.929830)}),
    ],
)
def test_the_closed_form_is_near_the_eigenvector(
    gamma: float, world: dict[str, float], bids: dict[int, tuple[float, float]]
) -> None:
    limit = limit_distances(gamma, **world)
    c1, c2 = coefficients(1, gamma, gamma, world["a"], world["k"])
    skew = world["sigma"] * c2
    ours = {held: c1 + skew / 2 + skew * held for held in range(-5, 11)}

    for held, (true, near) in bids.items():
        assert limit[held] == pytest.approx(true, abs=1e-6)
        assert ours[held] == pytest.approx(near, abs=1e-6)
    assert all(abs(ours[held] - limit[held]) < 0.005 * limit[0] for held in range(-5, 6))


def distance_when_flat(gamma: float, sigma: float, a: float, k: float, held_max: int = 30) -> Decimal:
    """The same for an empty inventory in 50 digits, by bisection: -lambda v(0) = 2 arrivals v(1) there.

    On vectors that are the same for q and -q, a number lies below the smallest eigenvalue when every pivot of the
    matrix less that number is positive.
    """
    with localcontext(prec=50):
        aversion, decay = Decimal(str(gamma)), Decimal(str(k))
        c1 = (1 + aversion / decay).ln() / aversion
        arrivals = Decimal(str(a)) * (-(decay + aversion) * c1).exp()
        risk = decay / 2 * aversion * Decimal(str(sigma)) ** 2

        def lies_below(number: Decimal) -> bool:
            pivot = -number
            for held in range(1, held_max + 1):
                if pivot <= 0:
                    return False
                pivot = risk * held**2 - number - (2 if held == 1 else 1) * arrivals**2 / pivot
            return pivot > 0

        low, high = -2 * arrivals, Decimal(0)
        for _ in range(160):
            middle = (low + high) / 2
            low, high = (middle, high) if lies_below(middle) else (low, middle)
        return (2 * arrivals / -low).ln() / decay + c1


@pytest.mark.parametrize(
    ("gamma", "world", "gap"), [(0.01, FIGURE, 3.93e-5), (0.1, FIGURE, 5.040e-4), (0.1, STUDY, 5.722e-4)]
)
def test_how_far_the_closed_form_is_from_the_eigenvector_is_its_own(
    gamma: float, world: dict[str, float], gap: float
) -> None:
    # A bound of 0.05 % at q = 0 is missed with two of the three inputs by the formula itself, not by how we compute it:
    # 50 digits say so, and so does theory. The closed form takes the eigenvalue's first term in s = k * skew; with its
    # second (Mathieu's -s^2 / 16 of the arrivals) the eigenvector's bid is further out by 3/32 * k * skew^2.
    true = distance_when_flat(gamma, **world)
    c1, c2 = coefficients(1, gamma, gamma, world["a"], world["k"])
    skew = world["sigma"] * c2

    assert float(true) == pytest.approx(limit_distances(gamma, **world)[0], rel=1e-12)
    assert float(distance_when_flat(gamma, **world, held_max=60)) == pytest.approx(float(true), rel=1e-9)
    short = float(true) - (c1 + skew / 2)
    assert short / float(true) == pytest.approx(gap, rel=2e-3)
    assert short == pytest.approx(3 / 32 * world["k"] * skew**2, rel=0.03)


@pytest.mark.parametrize(
    ("gamma", "world", "c1", "slope"),
    [
        (0.01, FIGURE, 3.2789822822990873, 0.0678658325308838),
        (0.1, FIGURE, 2.8768207245178092, 0.2295101242196988),
        (0.1, STUDY, 0.6453852113757116, 0.051717216121965996),
    ],
)
def test_with_one_aversion_and_one_unit_it_is_the_model_of_2013(
    gamma: float, world: dict[str, float], c1: float, slope: float
) -> None:
    found, c2 = coefficients(1, gamma, gamma, world["a"], world["k"])

    assert (found, world["sigma"] * c2) == pytest.approx((c1, slope), rel=1e-12)


def test_without_aversion_to_fills_the_spread_is_that_of_the_risk_neutral() -> None:
    assert coefficients(2, 0.1, 0, 140, 1.5) == pytest.approx((1 / 1.5, sqrt(0.1 * e / (2 * 140 * 2 * 1.5))))


# --- What is measured ----------------------------------------------------------------------------------------------

MEASURED = {
    "sigma": {"window_s": 300, "min": 5, "max": 20, "estimator": "two_scale"},
    "a": {"window_s": 600, "min": 1, "max": 10},
    "k": {"window_s": 600, "min": 0.01, "max": 0.1},
}


def watched(**signals: float) -> View:
    return msgspec.structs.replace(seen(), signals=signals)


def test_only_what_is_not_given_is_measured() -> None:
    assert glft().signals == {}
    assert glft(k=MEASURED["k"]).signals == {"k": InSteps(ArrivalDecay(window_s=600))}
    assert glft(**MEASURED).signals == {
        "sigma": InSteps(TwoScaleVolatility(window_s=300)),
        "a": InSteps(ArrivalRate(window_s=600)),
        "k": InSteps(ArrivalDecay(window_s=600)),
    }


def test_what_is_measured_is_used_and_shown() -> None:
    measured = glft(**MEASURED).quote(watched(sigma=8.0, a=2.5, k=0.03125))

    given = glft(sigma={"value": 8.0}, a={"value": 2.5}, k={"value": 0.03125}).quote(seen())
    assert measured.quotes == given.quotes
    assert measured.terms == given.terms | {"sigma_measured": 8.0, "a_measured": 2.5, "k_measured": 0.03125}


def test_while_what_is_measured_is_the_same_so_is_the_answer() -> None:
    strategy = glft(**MEASURED)

    first = strategy.quote(watched(sigma=8.0, a=2.5, k=0.03125))

    assert strategy.quote(watched(sigma=8.0, a=2.5, k=0.03125)) is first
    assert strategy.quote(watched(sigma=8.25, a=2.5, k=0.03125)).terms["sigma"] == 8.25


def test_what_is_measured_never_leaves_its_bounds() -> None:
    strategy = glft(**MEASURED)

    low, high = strategy.quote(watched(sigma=0.0, a=1e-9, k=1e-9)), strategy.quote(watched(sigma=1e9, a=1e9, k=1e9))

    assert [low.terms[name] for name in ("sigma", "a", "k")] == [5, 1, 0.01]
    assert [high.terms[name] for name in ("sigma", "a", "k")] == [20, 10, 0.1]
    assert high.terms["sigma_measured"] == pytest.approx(1e9, rel=0.008)


def test_who_asks_without_a_market_is_answered_with_the_middle_of_the_bounds() -> None:
    terms = glft(**MEASURED).quote(seen()).terms

    assert [terms[name] for name in ("sigma", "a", "k")] == pytest.approx([10, sqrt(10), sqrt(0.001)])


def test_another_measurement_is_another_answer() -> None:
    strategy = glft(**MEASURED)

    calm, wild = (strategy.quote(watched(sigma=sigma, a=3, k=0.05)) for sigma in (6.0, 12.0))

    assert wild.terms["half_spread"] > calm.terms["half_spread"]
    assert prices(wild, Side.BUY) < prices(calm, Side.BUY)


# --- What makes no sense -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "objection"),
    [
        ({"gamma": 0}, "greater than 0"),
        ({"gamma": float("nan")}, "finite"),
        ({"xi": -0.1}, "greater than or equal to 0"),
        ({"k": {"value": -1}}, "greater than 0"),
        ({"a": {"value": 0}}, "greater than 0"),
        ({"sigma": {"value": float("inf")}}, "finite"),
        ({"k": {}}, "give it, or window_s, min and max"),
        ({"k": {"window_s": 60, "min": 1}}, "needs window_s, min and max"),
        ({"k": {"window_s": 60, "min": 2, "max": 1}}, "not be greater than max"),
        ({"k": {"window_s": 5, "min": 1, "max": 2}}, "greater than or equal to 30"),
        ({"k": {"value": 1, "max": 2}}, "no meaning beside value"),
        (
            {"sigma": {"value": 1, "estimator": "guess"}},
            "'realized', 'bipower', 'two_scale', 'parkinson', 'garman_klass' or 'rogers_satchell'",
        ),
        ({"order_levels": 2}, "more than one level"),
        ({"size_curve": "custom"}, "flat, linear or exponential"),
        ({"size_curve": "linear"}, "which need it"),
        ({"level_amount_step": 0.5}, "which need it"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(wrong: dict[str, object], objection: str) -> None:
    with pytest.raises(ValidationError, match=objection):
        glft(**wrong)
