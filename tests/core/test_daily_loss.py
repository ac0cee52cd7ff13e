"""The loss of a day: what it pauses or halts, and when it counts anew."""

from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest

from replenisher.core.risk import OnBreach
from replenisher.model.command import Command, DayMarked, HaltCause, Pause, TakenOver
from replenisher.model.event import (
    FeedLost,
    InstrumentDefined,
    InstrumentStateChanged,
    PauseAsked,
    ResumeAsked,
    SessionOpened,
    Started,
)
from replenisher.model.instrument import Instrument, Kind
from replenisher.model.order import Side
from replenisher.model.units import DAY_NS
from tests.core.world import (
    INVERSE,
    KEY,
    LINEAR,
    SECOND,
    VENUE,
    Wishes,
    World,
    cancels,
    filled,
    ladder,
    limits,
    one_strategy,
    quoting,
    setup,
)


def lose(world: World, lots: int, at_price: int) -> tuple[Command, ...]:
    """A purchase at a price that the market does not pay."""
    fill = filled(LINEAR, world.order(Side.BUY).order_id, f"L{lots}", Side.BUY, at_price, lots, venue_time=world.at)
    return world.tell(fill)


def test_too_large_a_loss_in_a_day_pauses_until_an_operator_resumes() -> None:
    world = quoting(ladder(1, 100), limits=limits(max_daily_loss_quote=Decimal(5), cooloff_ns=60 * SECOND))

    bearable = lose(world, 10, 104_000)
    too_much = lose(world, 9, 102_000)

    assert not any(isinstance(wish, Pause) for wish in bearable)
    (pause,) = (wish for wish in too_much if isinstance(wish, Pause))
    assert "5.80 lost today" in pause.reason
    assert cancels(too_much) == 2
    world.settle()
    assert not world.venue.resting()

    world.wait(59 * SECOND)
    assert not world.live()
    world.wait(2 * SECOND)
    assert not world.live(), "a cool-off does not forgive what was lost today"
    assert world.state.pauses
    world.tell(ResumeAsked(at=0))
    world.settle()
    assert len(world.live()) == 2, "an operator does"


def test_a_halt_outlives_the_process_and_ends_only_with_a_reason() -> None:
    world = quoting(ladder(1, 100), limits=limits(max_daily_loss_quote=Decimal(5), on_loss=OnBreach.HALT))
    lose(world, 20, 104_000)
    world.settle()

    later = world.reborn()
    later.venue.position = Decimal("0.02")
    later.open(epoch=2)
    later.wait(600 * SECOND)

    assert later.live() == []
    assert "max_daily_loss_quote" in later.state.halts[HaltCause.LOSS].reason
    later.tell(PauseAsked(at=0, reason="lunch"))
    later.tell(ResumeAsked(at=0))
    assert later.live() == []
    assert later.state.pauses == {}, "a pause is what a plain resume ends"
    later.tell(ResumeAsked(at=0, reason="the fat finger is gone"))
    assert len(later.live()) == 2


def test_a_new_day_begins_without_losses() -> None:
    world = quoting(ladder(1, 100), limits=limits(max_daily_loss_quote=Decimal(5), max_data_age_ns=10**18))
    lose(world, 10, 104_000)
    world.wait(86_400 * SECOND)

    wishes = lose(world, 9, 104_000)

    assert not any(isinstance(wish, Pause) for wish in wishes)


def test_an_inverse_contract_loses_in_its_quote_currency_too() -> None:
    world = quoting(ladder(1, 100), INVERSE, limits=limits(max_daily_loss_quote=Decimal(20)))
    fill = filled(INVERSE, world.order(Side.BUY).order_id, "L1", Side.BUY, 104_000, 100, venue_time=world.at)

    (pause,) = (wish for wish in world.tell(fill) if isinstance(wish, Pause))

    assert "38.46 lost" in pause.reason  # 1,000 USD at 52,000 and at 50,000


def test_fees_taken_of_the_coins_that_were_bought_are_lost() -> None:
    coins = msgspec.structs.replace(LINEAR, kind=Kind.SPOT)
    world = quoting(ladder(1, 100), instrument=coins, limits=limits(max_daily_loss_quote=Decimal(5)))
    told = []

    for n in range(6):  # bought and sold at one price, of which each time a coin's ten thousandth stays there
        for side in Side:
            fill = filled(coins, "", f"T{n}{side}", side, 100_000, 10, venue_time=world.at)
            in_coins = {"fee": Decimal("0.0001"), "fee_currency": coins.base_currency} if side is Side.BUY else {}
            told += world.tell(msgspec.structs.replace(fill, **in_coins))

    (pause,) = (wish for wish in told if isinstance(wish, Pause))
    assert "max_daily_loss_quote: 6.00 lost today" in pause.reason


ETHERS_INVERSE = msgspec.structs.replace(INVERSE, name="ETH-PERPETUAL")
ETHER = msgspec.structs.replace(LINEAR, name="ETH-PERPETUAL")


def beginning(world: World, instrument: Instrument, epoch: int) -> tuple[Command, ...]:
    """A life in which this is what is traded, up to its market."""
    told = world.tell(Started(at=0, epoch=epoch, namespace="tst", config_version="1", accounts={VENUE: "a"}))
    told += world.tell(InstrumentDefined(at=0, instrument=instrument))
    return told + world.tell(msgspec.structs.replace(world.venue.snapshot(world.at), instrument=instrument.key))


@pytest.mark.parametrize(("sold_at", "lost"), [(104_000, 0), (96_000, 0), (104_000, 6), (96_000, 6)])
def test_a_day_goes_on_where_another_instrument_is_traded_than_it_began_with(sold_at: int, lost: int) -> None:
    """What it had made or lost on earlier days is no loss of this one, and hides none."""
    narrow = limits(max_daily_loss_quote=Decimal(5), max_data_age_ns=10**18)
    world = quoting(limits=narrow)
    for side, price in ((Side.BUY, 100_000), (Side.SELL, sold_at)):
        world.tell(filled(LINEAR, "", f"T{side}", side, price, 100, venue_time=world.at))
    world.state.pauses.clear()
    world.wait(86_400 * SECOND)
    world.tell(ResumeAsked(at=0))

    later = world.reborn(setup([("core", Wishes())], ETHER.key, limits=narrow))
    told = beginning(later, ETHER, 2)
    told += later.tell(filled(ETHER, "", "E", Side.BUY, 100_000 + 1_000 * lost, 10, venue_time=later.at))

    assert any(isinstance(wish, Pause) for wish in told) == bool(lost)


def test_what_was_lost_today_on_an_instrument_that_is_traded_no_more_is_lost_all_the_same() -> None:
    narrow = limits(max_daily_loss_quote=Decimal(5))
    world = quoting(limits=narrow)
    for side, price in ((Side.BUY, 100_000), (Side.SELL, 99_600)):
        world.tell(filled(LINEAR, "", f"T{side}", side, price, 100, venue_time=world.at))
    assert not world.state.pauses, "4 are lost"

    later = world.reborn(setup([("core", Wishes())], ETHER.key, limits=narrow))
    told = beginning(later, ETHER, 2)
    told += later.tell(filled(ETHER, "", "E", Side.BUY, 102_000, 10, venue_time=later.at))

    (pause,) = (wish for wish in told if isinstance(wish, Pause))
    assert "6.00 lost today" in pause.reason


def test_what_is_held_of_an_instrument_that_is_traded_no_more_neither_counts_nor_hides_a_loss() -> None:
    narrow = limits(max_daily_loss_quote=Decimal(5))
    world = quoting(instrument=INVERSE, limits=narrow)
    world.tell(filled(INVERSE, "", "T", Side.BUY, 104_000, 1_000, venue_time=world.at))
    world.tell(ResumeAsked(at=0))
    assert not world.state.pauses and world.state.day_marks[VENUE].pnl_quote < -300

    later = world.reborn(setup([("core", Wishes())], ETHER.key, limits=narrow))
    assert not [wish for wish in beginning(later, ETHER, 2) if isinstance(wish, Pause)]
    told = later.tell(filled(ETHER, "", "E", Side.BUY, 106_000, 10, venue_time=later.at))

    (pause,) = (wish for wish in told if isinstance(wish, Pause))
    assert "6.00 lost today" in pause.reason


def test_a_mark_of_one_sum_was_of_what_is_traded_and_not_of_what_was_before() -> None:
    """So a version wrote them that knew of no instruments; with its day go on."""
    narrow = limits(max_daily_loss_quote=Decimal(5), max_data_age_ns=10**18)
    world = quoting(limits=narrow)
    for side, price in ((Side.BUY, 100_000), (Side.SELL, 96_000)):
        world.tell(filled(LINEAR, "", f"T{side}", side, price, 100, venue_time=world.at))
    world.state.pauses.clear()
    world.wait(86_400 * SECOND)
    world.tell(ResumeAsked(at=0))
    later = world.reborn(setup([("core", Wishes())], ETHER.key, limits=narrow))
    later.state.day_marks[VENUE] = DayMarked(venue=VENUE, day=later.at // DAY_NS, pnl_quote=3.0)

    assert not [wish for wish in beginning(later, ETHER, 2) if isinstance(wish, Pause)], "40 on another day, 3 on this"
    (pause,) = [wish for wish in lose_on(later, ETHER, 103_000) if isinstance(wish, Pause)]

    assert "6.00 lost today" in pause.reason


def lose_on(world: World, instrument: Instrument, at_price: int) -> tuple[Command, ...]:
    """The same as `lose`, on a market of one's own."""
    return world.tell(filled(instrument, "", f"L{at_price}", Side.BUY, at_price, 10, venue_time=world.at))


def test_what_was_lost_today_is_not_forgiven_where_a_life_in_between_did_not_trade_it() -> None:
    narrow = limits(max_daily_loss_quote=Decimal(5))
    world = quoting(limits=narrow)
    assert not [wish for wish in lose_on(world, LINEAR, 104_000) if isinstance(wish, Pause)], "4 are lost, and 10 held"

    without = world.reborn(setup([("core", Wishes())], ETHER.key, limits=narrow))
    beginning(without, ETHER, 2)
    later = without.reborn(setup([("core", Wishes())], KEY, limits=narrow))
    beginning(later, LINEAR, 3)
    told = lose_on(later, LINEAR, 102_000)

    (pause,) = [wish for wish in told if isinstance(wish, Pause)]
    assert "6.00 lost today" in pause.reason


def test_coins_that_were_gained_on_what_has_expired_do_not_blind_the_next_life() -> None:
    both = setup([("core", Wishes()), ("ether", Wishes())], limits=limits(max_daily_loss_quote=Decimal(5)))
    world = World(replace(both, strategies=(both.strategies[0], replace(both.strategies[1], instrument=ETHER.key))))
    world.open()
    beginning(world, ETHERS_INVERSE, 2)
    for side, price in ((Side.BUY, 100_000), (Side.SELL, 100_100)):
        world.tell(filled(ETHERS_INVERSE, "", f"T{side}", side, price, 10, venue_time=world.at))

    later = world.reborn()
    later.open(epoch=3)
    later.tell(InstrumentStateChanged(at=0, instrument=ETHER.key, is_open=False, reason="expired", is_final=True))

    assert [wish for wish in lose_on(later, LINEAR, 110_000) if isinstance(wish, Pause)]


def test_what_is_taken_over_where_nothing_is_traded_moves_no_mark() -> None:
    narrow = limits(max_daily_loss_quote=Decimal(5))
    world = quoting(limits=narrow)
    for side in Side:
        world.tell(filled(LINEAR, "", f"T{side}", side, 100_000, 10, venue_time=world.at))
    later = world.reborn(setup([("core", Wishes())], ETHER.key, limits=narrow))
    beginning(later, ETHER, 2)
    later.tell(InstrumentDefined(at=0, instrument=LINEAR), later.venue.snapshot(later.at))
    later.state.found[TakenOver, KEY] = TakenOver(instrument=KEY, amount=Decimal("0.25"), price=Decimal(9_000))
    later.tell(msgspec.structs.replace(later.venue.snapshot(later.at), instrument=ETHER.key))
    told = later.tell(msgspec.structs.replace(later.venue.snapshot(later.at), instrument=ETHER.key))

    assert later.state.account.position(KEY).size == Decimal("0.25")
    assert not [wish for wish in told if isinstance(wish, Pause)], "250 were made on it, which nobody counts"


@pytest.mark.parametrize("instrument", [ETHER, ETHERS_INVERSE], ids=["linear", "inverse"])
@pytest.mark.parametrize("sides", [[Side.BUY], [Side.BUY, Side.SELL]], ids=["held", "flat"])
def test_an_instrument_whose_market_is_lost_does_not_blind_the_loss_limit(
    instrument: Instrument, sides: list[Side]
) -> None:
    both = setup([("core", Wishes()), ("ether", Wishes())], limits=limits(max_daily_loss_quote=Decimal(5)))
    ether = replace(both.strategies[1], instrument=ETHER.key)
    world = World(replace(both, strategies=(both.strategies[0], ether)))
    world.open()
    beginning(world, instrument, 2)
    world.tell(world.venue.snapshot(world.at))
    for side in sides:
        world.tell(filled(instrument, "", f"T{side}", side, 100_000 - 100 * side.sign, 10, venue_time=world.at))
    world.tell(FeedLost(at=0, instrument=ETHER.key, reason="expired"))
    assert not world.state.pauses

    world.tell(filled(instrument, "", "U", Side.BUY, 300_000, 10, venue_time=world.at))
    assert not world.state.pauses, "of what nobody knows the worth of nothing is said"
    told = world.tell(filled(LINEAR, "", "L", Side.BUY, 110_000, 10, venue_time=world.at))

    assert any(isinstance(wish, Pause) for wish in told)


def seen(world: World, instrument: Instrument) -> tuple[Command, ...]:
    """The market of one of several instruments, as the others of this world stand."""
    snapshot = msgspec.structs.replace(world.venue.snapshot(world.at), instrument=instrument.key)
    return world.tell(InstrumentDefined(at=0, instrument=instrument), snapshot)


def holding_ether(lost_quote: int) -> World:
    """A desk on two markets that holds ten lots on one of them, on which it has lost so much today."""
    two = setup([("core", Wishes()), ("ether", Wishes())], limits=limits(max_daily_loss_quote=Decimal(5)))
    world = World(replace(two, strategies=(two.strategies[0], replace(two.strategies[1], instrument=ETHER.key))))
    world.open()
    seen(world, ETHER)
    lose_on(world, ETHER, 100_000 + 1_000 * lost_quote)
    assert not world.state.pauses
    return world


def test_a_position_whose_market_a_life_has_not_seen_does_not_blind_the_loss_limit() -> None:
    later = holding_ether(0).reborn()
    later.open(epoch=2)

    (pause,) = [wish for wish in lose_on(later, LINEAR, 106_000) if isinstance(wish, Pause)]

    assert "6.00 lost today" in pause.reason


def test_what_it_had_lost_today_counts_as_soon_as_its_market_is_seen() -> None:
    later = holding_ether(4).reborn()
    later.open(epoch=2)

    assert not [wish for wish in lose_on(later, LINEAR, 102_000) if isinstance(wish, Pause)], "2 are lost"
    (pause,) = [wish for wish in seen(later, ETHER) if isinstance(wish, Pause)]

    assert "6.00 lost today" in pause.reason


def test_what_it_loses_on_a_day_on_which_its_market_is_seen_late_counts_from_then_on() -> None:
    later = holding_ether(4).reborn()
    later.at += DAY_NS
    later.open(epoch=2)

    lose_on(later, LINEAR, 102_000)
    told = seen(later, ETHER) + lose_on(later, ETHER, 102_000)
    assert not [wish for wish in told if isinstance(wish, Pause)], "4 on the day before, and 4 on this"
    (pause,) = [wish for wish in lose_on(later, ETHER, 102_100) if isinstance(wish, Pause)]

    assert "6.10 lost today" in pause.reason


def test_a_mark_of_one_sum_is_of_no_part_of_what_is_traded() -> None:
    later = holding_ether(4).reborn()
    later.state.day_marks[VENUE] = DayMarked(venue=VENUE, day=later.at // DAY_NS, pnl_quote=-4.0)  # of the day before
    later.open(epoch=2)

    assert not [wish for wish in lose_on(later, LINEAR, 106_000) if isinstance(wish, Pause)]
    (pause,) = [wish for wish in seen(later, ETHER) if isinstance(wish, Pause)]

    assert "6.00 lost today" in pause.reason


@pytest.mark.parametrize("price", [9_000, 11_000])
def test_what_was_taken_over_before_its_market_was_seen_counts_from_then_on(price: int) -> None:
    world = holding_ether(0)
    later = world.reborn()
    later.open(epoch=2)
    later.state.found[TakenOver, ETHER.key] = TakenOver(
        instrument=ETHER.key, amount=Decimal("0.25"), price=Decimal(price)
    )
    later.tell(later.venue.snapshot(later.at))
    lose_on(later, LINEAR, 103_000)
    assert later.state.brought == {}

    assert not [wish for wish in seen(later, ETHER) if isinstance(wish, Pause)], "250 were made or lost before"
    (pause,) = [wish for wish in lose_on(later, ETHER, 103_000) if isinstance(wish, Pause)]
    assert "6.00 lost today" in pause.reason


def test_a_position_elsewhere_does_not_blind_the_loss_limit() -> None:
    world = quoting(ladder(1, 100), limits=limits(max_daily_loss_quote=Decimal(5)))
    elsewhere = msgspec.structs.replace(LINEAR, name="OLD")
    world.tell(InstrumentDefined(at=0, instrument=elsewhere))
    world.tell(filled(elsewhere, "", "E1", Side.BUY, 100_000, 5, venue_time=world.at))

    assert any(isinstance(wish, Pause) for wish in lose(world, 20, 104_000))


@pytest.mark.parametrize("is_priced_first", [True, False])
@pytest.mark.parametrize("held", ["0.25", "-0.25"])
def test_what_a_position_had_made_or_lost_before_it_was_taken_over_is_none_of_the_days(
    held: str, is_priced_first: bool
) -> None:
    world = World(one_strategy(Wishes(ladder(1)), limits=limits(max_daily_loss_quote=Decimal(5))))
    world.tell(Started(at=0, epoch=1, namespace="tst", config_version="1", accounts={VENUE: "a"}))
    world.tell(InstrumentDefined(at=0, instrument=LINEAR))
    world.venue.position, world.venue.average_price = Decimal(held), Decimal(11_000)  # 250 are lost, or made, by now
    world.tell(*[world.venue.snapshot(world.at)] * is_priced_first, SessionOpened(at=0, venue=VENUE))
    for _ in range(4):
        world.settle()
        world.wait(10 * SECOND)
    world.tell(world.venue.snapshot(world.at))
    world.settle()

    assert world.state.account.position(KEY).size == Decimal(held)
    assert world.state.pauses == {}
    assert len(world.live()) == 2

    assert world.state.brought == {}, "which is said once"
    later = world.reborn()
    later.open(epoch=2)
    assert later.state.pauses == {}, "nor of the next life's"
    assert any(isinstance(wish, Pause) for wish in lose(later, 40, 102_000)), "what is lost after it is"
