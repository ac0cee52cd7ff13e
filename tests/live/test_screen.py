"""The screen shows what a person must see, inside any terminal, and what it shows moves when something happens."""

import io
import os
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from replenisher.core.slots import RefillPolicy
from replenisher.live.lines import Column, clock, cut, heading, number, pair, printable, row, span, time_of_day
from replenisher.live.monitor import Monitor
from replenisher.live.screen import Backstage, Screen, Title, farewell, page
from replenisher.model.event import FeedLost, PauseAsked, SessionLost, StopAsked
from replenisher.model.order import Side
from tests.core.world import KEY, LINEAR, SECOND, T0, VENUE, World, buy, ladder, sell, want
from tests.live.terminal import Terminal
from tests.live.watched import eat, opened, world_with

BUY, SELL = Side.BUY, Side.SELL
TITLE = Title("paper", KEY)
BACKSTAGE = Backstage(journal="1.2 MB", recorder="0 behind")
SIZES = [(80, 24), (200, 50)]


def seen(world: World, monitor: Monitor, width: int, height: int, backstage: Backstage = BACKSTAGE) -> list[str]:
    """The lines that a terminal of this size is given."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(page(TITLE, monitor.look(world.state, world.at), backstage, width, height))
    return capture.get().removesuffix("\n").split("\n")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_person_sees_mode_market_ladder_money_and_counts(width: int, height: int) -> None:
    world, monitor = opened()
    eat(world, BUY, lots=4)
    eat(world, SELL, level=1)
    world.settle()

    text = "\n".join(seen(world, monitor, width, height))

    for wanted in (
        "PAPER",
        "toy BTC-PERPETUAL",
        "● quoting, 6 orders",
        "journal 1.2 MB · rows 0 behind",
        "up 00:00:00",
        "49,995.0",  # the others' best bid
        "spread 10.0 · 2.00 bps",
        "inventory and P&L",
        "position",
        "-60 USD",
        "refills",
        "50,015.0",  # our own second ask
        "working",
        "part",
        " ms",
        "placed 7",
    ):
        assert wanted in text, wanted


@pytest.mark.parametrize(
    ("width", "height"), [*SIZES, (78, 12), (60, 14), (40, 8), (20, 3), (5, 1), (120, 32), (150, 24)]
)
@pytest.mark.parametrize("levels", [1, 5, 30])
def test_nothing_grows_out_of_the_terminal(width: int, height: int, levels: int) -> None:
    world, monitor = opened(quotes=ladder(levels, step=2))
    eat(world, BUY)
    world.settle()

    lines = seen(world, monitor, width, height)

    assert len(lines) <= height
    assert max(len(line) for line in lines) <= width


@given(st.integers(1, 220), st.integers(1, 60))
def test_no_size_is_too_odd(width: int, height: int) -> None:
    world, monitor = opened(quotes=ladder(2))

    lines = page(TITLE, monitor.look(world.state, world.at), BACKSTAGE, width, height).plain.split("\n")

    assert len(lines) <= height
    assert max(len(line) for line in lines) <= width


def test_a_life_without_an_instrument_yet_has_a_screen_too() -> None:
    world = world_with()

    lines = seen(world, Monitor(world.state), 80, 24)

    assert "○ not in sync with toy: connecting" in lines[1]
    assert len(lines) == 24


def test_why_the_session_was_lost_stands_beside_that_nothing_is_shown() -> None:
    world, monitor = opened()

    world.tell(SessionLost(at=0, venue=VENUE, reason="10028 too_many_requests"))

    assert f"○ not in sync with {VENUE}: closed · 10028 too_many_requests" in seen(world, monitor, 80, 24)[1]


def test_our_own_size_stands_at_its_level_even_where_the_book_is_cut_short() -> None:
    world, monitor = opened(quotes=(buy(0, 99_950), sell(0, 100_050)))

    lines = seen(world, monitor, 80, 24)

    (bid,) = (line[:44] for line in lines[2:12] if "49,975.0" in line)
    assert bid.split() == ["100", "1,300", "49,975.0"]
    assert any("49,995.0" in line[:44] for line in lines)


def test_the_numbers_move_after_a_fill() -> None:
    world, monitor = opened()
    before = seen(world, monitor, 80, 24)

    eat(world, BUY)
    world.settle()
    after = seen(world, monitor, 80, 24)

    (position,) = (line for line in after if "position" in line)
    assert position.endswith("100 USD")
    assert any("none yet" in line for line in before)
    assert any("buy   0   49,990.0      100" in line for line in after)


def test_a_slot_that_waits_to_be_refilled_is_shown_as_eaten() -> None:
    world, monitor = opened(refill=RefillPolicy(delay_ns=5 * SECOND))

    eat(world, BUY, level=1)
    world.at += SECOND

    assert any(" 1                         1.0s eaten" in line for line in seen(world, monitor, 80, 24))
    assert any("not yet" in line for line in seen(world, monitor, 80, 24))


def test_a_refill_that_took_long_is_told_in_seconds() -> None:
    world, monitor = opened(refill=RefillPolicy(delay_ns=5 * SECOND))
    eat(world, BUY)

    world.wait(5 * SECOND)
    world.settle()

    assert any(line.endswith("5.0 s") for line in seen(world, monitor, 80, 24))


def test_why_nothing_is_quoted_is_said_first() -> None:
    world, monitor = opened()

    world.tell(PauseAsked(at=0, reason="lunch\x1b[2J"))
    paused = seen(world, monitor, 80, 24)
    world.tell(FeedLost(at=0, instrument=KEY, reason="a gap"))
    lost = seen(world, monitor, 80, 24)

    assert paused[1].startswith(" ○ paused: lunch [2J")
    assert any("a gap" in line for line in lost[2:])


def test_where_no_order_rests_nobody_is_said_to_quote() -> None:
    world, monitor = opened(quotes=())

    assert seen(world, monitor, 80, 24)[1].startswith(" ○ no order rests")


def test_how_it_ended_stays_on_the_terminal() -> None:
    world, monitor = opened()
    eat(world, BUY)
    world.settle()

    world.tell(StopAsked(at=0, reason="SIGTERM"))
    world.settle()

    lines = farewell(TITLE, monitor.look(world.state, world.at), 80).plain.split("\n")
    assert lines[0] == " ○ stopped, verified flat: SIGTERM"
    assert any(line.startswith(" fills") and line.endswith("1, 1 in a minute") for line in lines)
    assert max(len(line) for line in lines) <= 80


def test_what_may_be_left_is_named() -> None:
    world, monitor = opened()
    order = world.order(BUY)

    world.tell(StopAsked(at=0, reason="SIGTERM"))
    world.outgoing.clear()  # no cancel ever arrives
    world.wait(20 * SECOND)

    text = farewell(TITLE, monitor.look(world.state, world.at), 200).plain
    assert text.startswith(" ! stopped, but there may be left: ")
    assert order.order_id in text


def test_an_alarm_goes_before_everything_else() -> None:
    world, monitor = opened()

    lines = seen(world, monitor, 80, 24, Backstage(alarm="the database does not answer, rows wait"))

    assert lines[1].startswith(" ! the database does not answer, rows wait")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_day_that_is_not_explained_stands_below_what_is_quoted(width: int, height: int) -> None:
    world, monitor = opened()

    lines = seen(world, monitor, width, height, Backstage(not_explained="2026-11-25 is not explained: BTC on deribit"))

    assert lines[1].startswith(" ● quoting, 6 orders")
    assert lines[2].strip() == "! 2026-11-25 is not explained: BTC on deribit"
    assert len(lines) == height


def test_a_linear_contract_shows_its_own_units() -> None:
    world, monitor = opened(instrument=LINEAR)
    eat(world, BUY)
    world.settle()

    text = "\n".join(seen(world, monitor, 80, 24))

    assert "0.010 BTC" in text
    assert "USDT at 10,000.00" in text


def test_two_hundred_columns_show_more_than_eighty() -> None:
    world, monitor = opened()
    want(world, [*ladder(3)])

    wide = seen(world, monitor, 200, 50)

    assert len([line for line in wide if line[:71].strip()]) > 40
    assert any("strategy" in line for line in wide)


# --- On a terminal -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_terminal_shows_it_move_and_is_given_back(width: int, height: int) -> None:
    world, monitor = opened()
    terminal = Terminal(width, height)

    with terminal.opened() as theirs, os.fdopen(os.dup(theirs), "w") as file:
        console = Console(file=file, force_terminal=True, color_system="standard", width=width, height=height)
        with Screen(console, TITLE) as screen:
            screen.show(monitor.look(world.state, world.at), BACKSTAGE)
            terminal.until_it_shows("● quoting, 6 orders")
            terminal.until_it_shows("none yet")
            eat(world, BUY)
            world.settle()
            screen.show(monitor.look(world.state, world.at), BACKSTAGE)
            terminal.until_it_shows("49,990.0      100")

    assert terminal.raw.startswith(b"\x1b[?1049h")
    assert b"\x1b[?1049l" in terminal.raw[-20:]
    assert b"\x1b[2J" not in terminal.raw.removeprefix(b"\x1b[?1049h\x1b[H")  # nothing is wiped between two pages


# --- Cells and numbers -------------------------------------------------------------------------------------------


@given(st.text(max_size=30), st.integers(1, 20), st.booleans())
def test_a_cell_is_exactly_as_wide_as_its_column(text: str, width: int, is_left: bool) -> None:
    columns = [Column("title", width, is_left), Column("", 3)]

    assert sum(len(piece) for piece, _ in row(columns, [(text, ""), ("x", "")])) == width + 4
    assert len(cut(text, width)) <= width
    assert sum(len(piece) for piece, _ in pair(text, text, width)) == width
    assert printable(text).isprintable()


def test_a_heading_names_its_columns() -> None:
    ((text, _),) = heading([Column("own", 7), Column("is", 6, is_left=True)], 20)

    assert text == "─── own is ─── ─────"


@pytest.mark.parametrize(
    ("value", "decimals", "width", "text"),
    [
        ("1234.5", 1, 8, "1,234.5"),
        ("123456", 0, 6, "123.5k"),
        ("1234567", 0, 7, "1.2M"),
        ("98765432", 0, 6, "98.8M"),
        ("0", 0, 3, "0"),
    ],
)
def test_a_size_that_is_too_long_is_told_in_larger_units(value: str, decimals: int, width: int, text: str) -> None:
    assert number(Decimal(value), decimals, width) == text


def test_times_are_short() -> None:
    spans = [span(int(seconds * SECOND)) for seconds in (0, 9, 9.97, 10, 119, 120, 7_199, 7_200, 172_799, 172_800)]

    assert spans == ["0.0s", "9.0s", "9s", "10s", "119s", "2m", "119m", "2h", "47h", "2d"]
    assert clock(3_661) == "01:01:01"
    assert clock(90_061) == "1d 01:01:01"
    assert time_of_day(T0 + 5_000_000) == "22:13:20.005"


def test_a_picture_is_a_value() -> None:
    world, monitor = opened()
    picture = monitor.look(world.state, world.at)
    before = msgspec.json.encode(picture)

    eat(world, BUY)
    world.settle()

    assert msgspec.json.encode(picture) == before
