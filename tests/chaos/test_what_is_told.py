"""What the venue tells twice, late, wrongly, or with malice: it is booked once, and believed after a while."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from replenisher.model.command import Halt
from replenisher.model.event import OrderFilled, PositionReported, TradesReported
from replenisher.simulate.frame_faults import Passage, is_book, is_position, is_private
from tests.chaos.story import story

MS = 10**6
EMPTY = '"size":0.0'


def put_before(place: str, words: str) -> Callable[[Passage], None]:
    """These stand in the frame now, before something that is there."""
    return lambda passage: passage.become(passage.frame.replace(place, words + place, 1))


def test_a_fill_that_a_question_tells_before_the_stream_does(tmp_path: Path) -> None:
    """Elsewhere the fill that was inferred from an answer and the one that came on the stream were both booked."""
    with story(tmp_path) as told:
        question = told.spoil(
            lambda frame: "/get_user_trades" in frame, lambda passage: passage.hold(300 * MS), up=True
        )
        told.until(lambda: question.is_spent)
        told.spoil(is_private, lambda passage: passage.hold(1000 * MS))
        order = told.resting()[0]
        told.take(order)
        told.run(2)
        told.end_well()

        (trade,) = told.fills(order.label)
        asked = [fill.trade_id for answer in told.heard(TradesReported) for fill in answer.fills]
        on_the_stream = [fill.trade_id for fill in told.heard(OrderFilled)]
        assert trade in asked and trade in on_the_stream


def test_fills_that_are_told_again_after_a_reconnect(tmp_path: Path) -> None:
    """Elsewhere a venue that repeated its last trades to whoever came back doubled them."""
    with story(tmp_path) as told:
        first = told.spoil(is_private, lambda _: None, times=100)
        told.take(*told.resting())
        told.run(1)
        told.lift(first)
        told.victims.cut(told.link("trading"), "1006")
        told.spoil(is_private, lambda passage: passage.comes.extend((0, frame) for frame in first.met))
        told.run(20)
        told.end_well()

        assert max(Counter(fill.trade_id for fill in told.heard(OrderFilled)).values()) > 1


def test_positions_that_are_told_empty_half_of_the_time(tmp_path: Path) -> None:
    """Elsewhere the comparison of positions never came to an end: it went on about a difference that was none."""
    with story(tmp_path) as told:
        told.trade(told.resting()[0].side.opposite, told.resting()[0].price)
        told.run(2)
        answers = 0

        def empty_every_other(passage: Passage) -> None:
            nonlocal answers
            answers += 1
            if answers % 2:
                size = passage.frame.index('"size":')
                passage.become(passage.frame[:size] + EMPTY + passage.frame[passage.frame.index(",", size) :])

        told.spoil(is_position, empty_every_other, times=1000)
        told.run(120)
        asked = len(told.heard(PositionReported))
        told.end_well()

        assert answers > 4
        assert asked < 60, "it asks ever more"
        assert not [halt for halt in told.witness.commands if isinstance(halt, Halt)]


def test_a_price_that_is_a_program(tmp_path: Path) -> None:
    """Elsewhere what an exchange sent was evaluated: it could be a program, and ran with the keys of the account."""
    with story(tmp_path) as told:
        harm = tmp_path / "harm"
        program = f"__import__('pathlib').Path({str(harm)!r}).touch()"
        for place in ('"change_id":', '"timestamp":'):
            told.spoil(is_book, put_before(place, f'{place}"{program}",'))
            told.run(1)
        told.until(told.resting)
        told.spoil(is_private, put_before('"filled', f'"{program}":1,'))
        told.take(told.resting()[0])
        told.run(5)
        told.end_well()

        assert not harm.exists()
