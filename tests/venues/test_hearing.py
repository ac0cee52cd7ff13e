from decimal import Decimal

import msgspec
import pytest

from replenisher.errors import Unreachable
from replenisher.model.command import AskBalance, AskPosition
from replenisher.model.event import (
    BalanceReported,
    BookSnapshot,
    ClockOffset,
    Event,
    InstrumentDefined,
    InstrumentStateChanged,
    PositionReported,
    QuestionFailed,
    SessionLost,
    SessionOpened,
)
from replenisher.model.instrument import Kind
from replenisher.venues.doctor import Clock, Key, Listing, Unanswered
from replenisher.venues.hearing import Hearing
from tests.venues.examined import PERPETUAL, VENUE

KEY = PERPETUAL.key
BEGUN = 1_000
OPENED = SessionOpened(at=1_500, venue=VENUE)
DEFINED = InstrumentDefined(at=0, instrument=PERPETUAL)
BOOK = BookSnapshot(at=0, instrument=KEY, venue_time=0, bids=((119_999, 100),), asks=((120_001, 7),))
CASH = BalanceReported(at=0, venue=VENUE, currency="BTC", balance=Decimal(10))
HELD = PositionReported(at=0, instrument=KEY, amount=Decimal(-430))
WHOLE: list[Event] = [ClockOffset(at=0, venue=VENUE, offset_ns=7), DEFINED, BOOK, OPENED, CASH, HELD]


def hearing(*facts: Event) -> Hearing:
    heard = Hearing(VENUE, [PERPETUAL.name], BEGUN)
    for fact in facts:
        heard.note(fact)
    return heard


def test_a_session_tells_clock_cash_position_and_market() -> None:
    heard = hearing(*WHOLE)

    answers = heard.answers()

    assert heard.is_complete
    assert answers.clock == Clock(offset_ns=7, way_ns=0)
    assert answers.session_ns == 500
    assert answers.balances == {"BTC": Decimal(10)}
    assert answers.positions == {PERPETUAL.name: Decimal(-430)}
    assert answers.listings == {
        PERPETUAL.name: Listing(
            instrument=PERPETUAL,
            state="open",
            is_open=True,
            bid=(Decimal("59999.5"), Decimal(1000)),
            ask=(Decimal("60000.5"), Decimal(70)),
        )
    }


def test_what_a_session_does_not_tell_is_not_guessed() -> None:
    answers = hearing(*WHOLE[1:]).answers()

    assert {type(each) for each in (answers.clock, answers.rate, answers.switch_by_default)} == {Unanswered}


@pytest.mark.parametrize("missing", [BOOK, OPENED, CASH, HELD])
def test_it_is_complete_only_with_everything_that_was_asked(missing: Event) -> None:
    assert not hearing(*(fact for fact in WHOLE if fact is not missing)).is_complete


def test_a_question_that_failed_is_answered_too() -> None:
    failed = QuestionFailed(at=0, venue=VENUE, question="AskBalance", subject="BTC", message="13021 forbidden")

    heard = hearing(*(fact for fact in WHOLE if fact is not CASH), failed)

    assert heard.is_complete
    assert heard.answers().balances == Unanswered("13021 forbidden")


def test_it_asks_for_the_position_and_what_it_settles_in_or_for_both_coins_of_a_pair() -> None:
    position = AskPosition(scope=KEY, deadline=9)
    btc, usd = (AskBalance(venue=VENUE, currency=currency, deadline=9) for currency in ("BTC", "USD"))
    pair = msgspec.structs.replace(PERPETUAL, kind=Kind.SPOT, settlement_currency="USD")

    assert hearing(DEFINED).questions(9) == [position, btc]
    assert hearing(InstrumentDefined(at=0, instrument=pair)).questions(9) == [usd, btc]


def test_a_refused_key_is_told_as_such() -> None:
    heard = hearing(DEFINED, SessionLost(at=0, venue=VENUE, reason="refused the login", is_refusal=True))

    assert heard.is_refused
    assert heard.answers().key == Unanswered("refused the login")


def test_an_instrument_that_is_not_offered_is_told_as_such() -> None:
    heard = hearing(InstrumentStateChanged(at=0, instrument=KEY, is_open=False, reason="not offered", is_final=True))

    assert heard.is_refused
    assert heard.session() == Unanswered("BTC-PERPETUAL: not offered")
    assert isinstance(key := heard.answers().key, Key)
    assert not key.is_taken
    assert heard.answers().listings == {PERPETUAL.name: Unanswered("not offered")}


def test_a_closed_market_is_no_reason_to_wait_for_its_book() -> None:
    closed = InstrumentStateChanged(at=0, instrument=KEY, is_open=False, reason="locked")

    heard = hearing(*(fact for fact in WHOLE if fact is not BOOK), closed)

    assert heard.is_complete
    listing = heard.answers().listings[PERPETUAL.name]
    assert isinstance(listing, Listing)
    assert (listing.is_open, listing.state) == (False, "locked")


def test_who_never_says_a_word_is_unreachable_with_the_last_reason() -> None:
    silent, refused = hearing(), hearing(SessionLost(at=0, venue=VENUE, reason="connection refused"))

    with pytest.raises(Unreachable, match="did not answer in time"):
        silent.answers()
    with pytest.raises(Unreachable, match="connection refused"):
        refused.answers()
    assert silent.session() == Unanswered("it did not come to stand in time")
