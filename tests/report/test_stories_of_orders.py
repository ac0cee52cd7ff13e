"""What `why` tells of an order: what was asked for, what was left as it was, who cut or denied what, how it ended."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from replenisher.core.budget import UNPAID
from replenisher.errors import ReplenisherError
from replenisher.model.command import AmendOrder, AskOrder, CancelOrder, Denied, Intent, MoveSlot, PlaceOrder
from replenisher.model.event import NotSent, RejectReason, RequestRejected
from replenisher.model.mandate import Chain, How, Link, Mandate
from replenisher.model.order import Request, Side, Status
from replenisher.model.step import Cut, Decision, OrderState, Quote, Step
from replenisher.report.why.page import why_page
from replenisher.report.why.story import Story
from replenisher.report.why.telling import read_story
from replenisher.store.database import Database
from replenisher.store.recorder import Recorder
from tests.store.given import KEY, T0, defined, filled, order, place, started, step, write_journal

ID, OTHER = "tst000001000001", "tst000001000002"
FAIR = 50_000.25
AND_COULD_NOT = "and could not be moved there: it makes room for another one"
CHAIN = Chain(links=(Link("skew", How.LOWER, ("lean", "half_spread")),), spreads_bps={Side.BUY: (10.0, 20.0)})
MANDATE = Mandate(
    instrument=KEY,
    idea="Idea",
    fair_value="mid",
    chain=CHAIN,
    policy={"tolerance_bps": 2.0, "max_order_age_ns": 30_000_000_000},
    limits={"max_position_quote": "5000"},
    guards={"closest_bps": 1.5},
)

Told = Callable[..., Story]


@pytest.fixture
def told(ledger_url: str, tmp_path: Path) -> Iterator[Told]:
    """The story of an order, from the rows of a journal or of several, one after the other."""
    with closing(Database(ledger_url)) as database:

        def tell(*journals: Sequence[Step], name: str = ID) -> Story:
            for number, steps in enumerate(journals):
                folder = tmp_path / f"journal{number}"
                write_journal(folder, steps, journal_id=f"{number:016x}")
                Recorder(folder, database).record_all()
            return database.read(lambda connection: read_story(connection, name))

        yield tell


def began(**mandates: Mandate) -> Step:
    fact = msgspec.structs.replace(started(), mandates=mandates or {"core": MANDATE})
    return step(1, [fact, defined()])


def buy(level: int, price: int, quantity: int = 10) -> Quote:
    return Quote(Side.BUY, level, price, quantity)


def decided(
    *wanted: Quote, permitted: Sequence[Quote] | None = None, withheld: str = "", cuts: Sequence[Cut] = ()
) -> Decision:
    return Decision(
        strategy="core",
        instrument=KEY,
        fair_value=FAIR if wanted else None,
        terms={"lean": 0.25, "half_spread": 40.0, "held": 1.5} if wanted else {},
        wanted=wanted,
        permitted=wanted if permitted is None else tuple(permitted),
        withheld=withheld,
        cuts=tuple(cuts),
    )


def placed(number: int = 2, order_id: str = ID, price: int = 99_880, **other: object) -> Step:
    """At 49,940.0: 50,000.25, less 10 of skew, less 10 bps, on the tick below."""
    wish = place(order_id, price=price, **other)
    return step(number, [], [wish], [order(order_id, Status.PENDING)], [decided(buy(0, price))])


def amend(price: int, quantity: int = 10, intent: Intent = Intent.QUOTE) -> AmendOrder:
    return AmendOrder(
        order_id=ID,
        venue_order_id="v",
        instrument=KEY,
        price=price,
        quantity=quantity,
        intent=intent,
        valid_until=T0,
        deadline=T0,
    )


def cancel(order_id: str = ID) -> CancelOrder:
    return CancelOrder(order_id=order_id, venue_order_id="v", instrument=KEY, deadline=T0)


def now(status: Status, at_step: int, **other: object) -> OrderState:
    return order(ID, status, updated_at=T0 + at_step * 1_000_000_000, **other)


def gone(number: int, reason: str = "") -> Step:
    return step(number, [], [], [now(Status.CANCELED, number, reason=reason)])


def lines(story: Story) -> list[str]:
    return why_page(msgspec.to_builtins(story)).splitlines()


def happened(story: Story) -> list[tuple[str, str]]:
    return [(event.what, event.told) for event in story.events]


# --- A price ---------------------------------------------------------------------------------------------------------


def test_a_price_is_told_from_fair_value_to_the_tick(told: Told) -> None:
    story = told([began(), placed()])

    assert [" ".join(line.split()) for line in lines(story)] == [
        "order tst000001000001 at deribit, account main@00112233aabbccdd",
        "buy BTC-PERPETUAL for core (Idea), configuration c1",
        "2023-11-14, life 1",
        "22:13:22.000 placed: buy 100 USD at 49940.0 as level 0 [step 2]",
        "fair value 50000.25 USD (mid)",
        "skew - 0.25 lean * 40.0 half_spread = 49990.25",
        "spread - 10.0 bps of fair value = 49940.24975",
        "rounding down to 0.5 tick = 49940.0",
        "from held 1.5",
        "wanted 100 at 49940.0",
        "sent at 49940.0",
        "as far as is recorded it is pending, and 0 USD are filled",
    ]


def test_numbers_that_do_not_lead_to_what_was_wanted_are_not_said_to(told: Told) -> None:
    story = told([began(), placed(price=99_870)])

    (line,) = (line for line in lines(story) if line.split()[0] == "wanted")
    assert line.split(maxsplit=1)[1] == "100 at 49935.0, which these numbers do not lead to"


def test_of_a_strategy_that_does_not_say_how_its_prices_come_about_its_terms_are_told(told: Told) -> None:
    own = msgspec.structs.replace(MANDATE, chain=None, fair_value="")

    page = "\n".join(lines(told([began(core=own), placed()])))

    assert "fair value   50000.25 USD\n" in page
    assert "from         lean 0.25, half_spread 40.0, held 1.5" in page
    assert "100 at 49940.0; the strategy does not say how its prices follow from its terms" in page


def test_rows_that_are_older_than_mandates_tell_what_they_have(told: Told) -> None:
    old = step(1, [started(), defined()])

    story = told([old, placed(), step(3, [], [cancel()], [], [decided(buy(0, 99_000))]), gone(4)])

    assert happened(story) == [
        ("placed", "buy 100 USD at 49940.0 as level 0"),
        (
            "cancel",
            "it was wanted at 49500.0, 88.9 bps away, and could not be moved there: it makes room for another one",
        ),
        ("ended", "canceled, as it was asked for"),
    ]


# --- What becomes of an order -----------------------------------------------------------------------------------------


def test_an_order_is_followed_when_it_moves_and_when_it_does_not(told: Told) -> None:
    quotes = [buy(0, 99_881), buy(0, 99_890), buy(0, 99_950), buy(1, 99_760)]
    kept = [step(3 + place, [], [place_of_another(place)], [], [decided(quotes[place])]) for place in range(2)]
    moved = step(5, [], [amend(99_950)], [now(Status.WORKING, 5)], [decided(quotes[2])])
    further = [MoveSlot(order_id=ID, level=1), amend(99_760, 20)]
    slot = step(6, [], further, [now(Status.WORKING, 6, level=1)], [decided(quotes[3])])

    story = told([began(), placed(), *kept, moved, slot])

    assert happened(story) == [
        ("placed", "buy 100 USD at 49940.0 as level 0"),
        ("kept", "no further away than the 2 bps that are tolerated"),
        ("amended", "buy 100 USD at 49975.0 as level 0; it stood at 49940.0, 7 bps from there, and 2 are tolerated"),
        ("amended", "buy 200 USD at 49880.0 as level 1; it stood at 49975.0, 19 bps from there, and 2 are tolerated"),
    ]
    assert story.events[1].times == 2


def place_of_another(number: int) -> PlaceOrder:
    return place(f"tst00000100010{number}", level=3)


def test_what_takes_its_place_in_the_queue_is_told_as_the_reason_to_stay(told: Told) -> None:
    cut = Cut(Side.BUY, 0, "buy 0 keeps its place", 99_880, 10)
    stays = decided(buy(0, 99_950), permitted=[buy(0, 99_880)], withheld="buy 0 keeps its place", cuts=[cut])

    story = told([began(), placed(), step(3, [], [place_of_another(1)], [], [stays])])

    assert happened(story)[-1] == ("kept", "buy 0 keeps its place")
    assert story.events[-1].price == Decimal("49975.0")


def test_who_withheld_it_is_told_with_the_number_in_force(told: Told) -> None:
    cuts = [Cut(Side.BUY, 0, "min_profit_bps", 99_870, 10), Cut(Side.BUY, 0, "max_position_quote", 99_870, 0)]
    no_more = decided(buy(0, 99_880), permitted=(), withheld="min_profit_bps, max_position_quote", cuts=cuts)

    story = told([began(), placed(), step(3, [], [cancel()], [now(Status.WORKING, 3)], [no_more]), gone(4)])

    assert happened(story)[1] == ("cancel", "it was withheld: max_position_quote (5000)")
    page = [line.strip() for line in lines(story)]
    assert "cut          min_profit_bps (with the fee 1.5 bps): leaves 100 at 49935.0" in page
    assert "cut          max_position_quote (5000): leaves nothing" in page


def test_what_our_gate_denied_is_told_where_it_took_the_order_off(told: Told) -> None:
    refused = Denied(
        instrument=KEY, strategy="core", side=Side.BUY, level=0, price=99_950, quantity=10, reason="max_position_quote"
    )
    denied = step(3, [], [refused, cancel()], [now(Status.WORKING, 3)], [decided(buy(0, 99_950))])

    story = told([began(), placed(), denied, gone(4)])

    assert happened(story)[1:3] == [
        ("denied", "our gate denied 100 USD at 49975.0 in its place: max_position_quote (5000)"),
        ("cancel", "it was wanted at 49975.0, and our gate denied that: max_position_quote (5000)"),
    ]


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (decided(withheld="stopping: the operator"), "nothing was wanted: stopping: the operator"),
        (decided(buy(1, 99_760)), "the strategy wanted no level 0 on this side any more"),
        (decided(buy(0, 99_880, 30)), "it was wanted at 49940.0 with 300, and could not be changed into that"),
    ],
)
def test_a_cancel_has_its_reason(told: Told, decision: Decision, reason: str) -> None:
    story = told([began(), placed(), step(3, [], [cancel()], [now(Status.WORKING, 3)], [decision]), gone(4)])

    (what, words) = happened(story)[1]
    assert what == "cancel"
    assert words.startswith(reason)


def test_an_order_that_is_too_old_makes_room(told: Told) -> None:
    old = step(40, [], [cancel()], [now(Status.WORKING, 40)], [decided(buy(0, 99_880))])

    assert happened(told([began(), placed(), old, gone(41)]))[1] == (
        "cancel",
        "it had rested for max_order_age_s (30)",
    )


def test_an_order_in_doubt_is_asked_for_and_taken_off(told: Told) -> None:
    asked = step(3, [], [AskOrder(order_id=ID, instrument=KEY, deadline=T0)], [now(Status.UNKNOWN, 3)])
    off = step(4, [], [cancel()], [now(Status.UNKNOWN, 4)], [decided(buy(0, 99_950))])

    story = told([began(), placed(), asked, off, gone(5)])

    assert [what for what, _ in happened(story)] == ["placed", "asked", "cancel", "ended"]
    assert story.events[2].told == ("it was wanted at 49975.0, and what had become of its last request was not known")


def test_a_word_that_comes_after_the_end_of_an_order_changes_nothing(told: Told) -> None:
    fact = filled(ID, "7", at=T0 + 3_000_000_000)
    full = {"filled": Decimal(100), "created_at": T0}
    end = step(3, [fact], [], [now(Status.FILLED, 3, **full)])
    elsewhere = step(4, [], [place_of_another(1)], [], [decided(buy(0, 99_881))])
    late = step(5, [], [], [now(Status.FILLED, 5, **full)])

    story = told([began(), placed(), end, elsewhere, late])

    assert [event.what for event in story.events] == ["placed", "filled", "ended"]
    assert story.events[-1].step == 3


def test_what_the_venue_did_not_grant_leaves_it_where_it_stood(told: Told) -> None:
    moved = step(3, [], [amend(99_950)], [now(Status.WORKING, 3)], [decided(buy(0, 99_950))])
    refusal = RequestRejected(
        at=T0 + 4_000_000_000,
        order_id=ID,
        request=Request.AMEND,
        reason=RejectReason.RATE,
        message="10028 too_many_requests",
    )
    lost = NotSent(at=T0 + 6_000_000_000, order_id=ID, request=Request.CANCEL)
    refused, unsent = (
        step(number, [fact], [], [now(Status.WORKING, number)]) for number, fact in ((4, refusal), (6, lost))
    )
    off = step(5, [], [cancel()], [now(Status.WORKING, 5)], [decided(buy(0, 99_950))])
    again = step(7, [], [amend(99_960)], [now(Status.WORKING, 7)], [decided(buy(0, 99_960))])

    story = told([began(), placed(), moved, refused, off, unsent, again])

    assert happened(story)[2:] == [
        ("refused", "the venue refused the amend, rate: 10028 too_many_requests"),
        ("cancel", f"it was wanted at 49975.0, 7 bps away, and 2 are tolerated, {AND_COULD_NOT}"),
        ("refused", "the cancel did not leave us: there was no connection for it"),
        ("amended", "buy 100 USD at 49980.0 as level 0; it stood at 49940.0, 8 bps from there, and 2 are tolerated"),
    ]


def test_a_cancel_that_came_too_late_is_refused_after_the_end(told: Told) -> None:
    off = step(3, [], [cancel()], [now(Status.WORKING, 3)], [decided(buy(0, 99_950))])
    fact = filled(ID, "7", at=T0 + 4_000_000_000)
    eaten = step(4, [fact], [], [now(Status.FILLED, 4, filled=Decimal(100))])
    told_late = T0 + 5_000_000_000
    refusal = RequestRejected(
        at=told_late, order_id=ID, request=Request.CANCEL, reason=RejectReason.NOT_OPEN, message="11044 not_open_order"
    )

    story = told([began(), placed(), off, eaten, step(5, [refusal], [], [now(Status.FILLED, 5, filled=Decimal(100))])])

    assert [event.what for event in story.events] == ["placed", "cancel", "filled", "ended", "refused"]
    assert [event.at for event in story.events] == sorted(event.at for event in story.events)


def test_fills_are_told_and_what_comes_in_their_place(told: Told) -> None:
    fact = filled(OTHER, "7", at=T0 + 3_000_000_000, fee=Decimal("-0.00000002"))
    eaten = step(3, [fact], [], [order(OTHER, Status.FILLED, filled=Decimal(100), updated_at=T0 + 3_000_000_000)])
    refill = placed(4, intent=Intent.REFILL)
    journal = [began(), placed(2, OTHER), eaten, refill]

    first, second = told(journal, name=OTHER), told(name=ID)

    assert happened(first)[1:] == [
        ("filled", "100 USD at 50000, maker, fee -0.00000002 BTC, trade 7"),
        ("ended", "filled to the last lot"),
    ]
    assert happened(second) == [("placed", f"buy 100 USD at 49940.0 to refill level 0, where order {OTHER} was filled")]


# --- Other lives, other journals -------------------------------------------------------------------------------------


def test_an_order_that_a_later_life_adopts_or_does_not_want(ledger_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    write_journal(folder, [began(), placed()])
    other = msgspec.structs.replace(started(2, T0 + 10_000_000_000), config_version="c2", mandates={"own": MANDATE})
    left = [step(11, [other, defined()]), step(12, [], [cancel()], [now(Status.WORKING, 12)]), gone(13)]
    write_journal(folder, left, epoch=2)

    with closing(Database(ledger_url)) as database:
        Recorder(folder, database).record_all()
        story = database.read(lambda connection: read_story(connection, ID))

    assert happened(story)[1:] == [
        ("life", "another life began, with configuration c2"),
        ("cancel", "the strategy core was configured no longer"),
        ("ended", "canceled, as it was asked for"),
    ]


def test_an_order_of_a_journal_that_was_lost(told: Told) -> None:
    later = [began(), step(9, [], [cancel()])]

    story = told([began(), placed()], later)

    assert happened(story)[-1] == (
        "cancel",
        "asked for by journal 0000000000000001, which does not know it: such an order is never adopted",
    )
    assert lines(story)[-1] == "as far as is recorded it is pending, and 0 USD are filled"


def test_an_order_that_only_its_end_is_known_of(told: Told) -> None:
    story = told([began(), step(9, [filled(ID, "3")], [cancel()])])

    assert [what for what, _ in happened(story)] == ["filled", "cancel"]
    assert "no row says that it was placed" in lines(story)[1]


# --- Which order is meant --------------------------------------------------------------------------------------------


def test_an_order_is_found_by_the_beginning_of_its_id_and_by_the_venues_own(told: Told) -> None:
    journal = [began(), placed(), step(3, [], [], [now(Status.WORKING, 3, venue_order_id="BTC-17")])]

    assert told(journal, name="tst0").order_id == told(name="BTC-17").order_id == ID


@pytest.mark.parametrize("name", ["tst9", "", "%", "tst00000100000_"])
def test_an_order_that_is_not_there_is_one_sentence(told: Told, name: str) -> None:
    with pytest.raises(ReplenisherError, match=r"^there is no order") as error:
        told([began()], name=name)

    assert error.value.exit_code == 1


def test_an_id_that_begins_several_orders_is_one_sentence(told: Told) -> None:
    with pytest.raises(ReplenisherError, match=f"more than one order begins with tst: {ID}, {OTHER}$"):
        told([began(), placed(), placed(3, OTHER)], name="tst")


# --- The rate budget -------------------------------------------------------------------------------------------------


def unpaid(number: int, price: int) -> Step:
    """A step in which another order was placed, and the budget could not pay for level 0 besides."""
    wish = decided(buy(0, price), buy(1, 99_700), cuts=[Cut.leaving(buy(0, price), UNPAID)])
    return step(number, [], [place(f"tst00000100{number:04}", level=1, price=99_700)], [], [wish])


def test_an_order_that_waited_for_the_rate_budget_says_for_how_long(told: Told) -> None:
    story = told([began(), unpaid(2, 99_870), unpaid(3, 99_875), unpaid(4, 99_880), placed(5)])

    ((_, sentence),) = happened(story)
    waited = "; the rate budget (rate_limit_per_s) could not pay for it before, it had waited for 3 s"
    assert sentence == f"buy 100 USD at 49940.0 as level 0{waited}"


def test_only_what_waited_to_the_end_has_waited(told: Told) -> None:
    paid = step(3, [], [place("tst000001000009", level=1, price=99_700)], [], [decided(buy(0, 99_880))])

    story = told([began(), unpaid(2, 99_870), paid, placed(4)])

    assert happened(story) == [("placed", "buy 100 USD at 49940.0 as level 0")]


def test_a_move_that_the_rate_budget_could_not_pay_for_is_told(told: Told) -> None:
    another = step(4, [], [place("tst000001000009", level=1, price=99_600)], [], [decided(buy(0, 99_700))])

    story = told([began(), placed(), unpaid(3, 99_700), another])

    assert happened(story)[1:] == [
        ("kept", "the rate budget (rate_limit_per_s) could not pay for a request about it"),
        (
            "kept",
            "nothing could be asked about it: the last request was not answered yet, or our gate objected as before",
        ),
    ]
