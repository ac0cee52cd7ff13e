"""A fair value that goes by several books: one of them falls silent, and nobody quotes on what it said last."""

from pathlib import Path

from replenisher.simulate.frame_faults import Passage
from replenisher.wiring.simulation import SHIPPED
from tests.chaos.story import story

FUTURE = "BTC-25JUN27"
# The two go their own ways, and a fair value far from the market that is quoted would cross it: so one weighs little.
BY_TWO_BOOKS = (
    SHIPPED.read_text()
    .replace(
        "    order_refresh_tolerance_bps: 2\n",
        f"""    order_refresh_tolerance_bps: 2
    fair_value:
      source: composite
      legs:
        - {{venue: deribit, instrument: BTC-PERPETUAL, weight: 1000}}
        - {{venue: deribit, instrument: {FUTURE}, max_age_ms: 3000}}
      outlier_bps: 1000
      min_legs: 2
""",
    )
    .replace(
        '  balances: {BTC: "10"}\n',
        f'  balances: {{BTC: "10"}}\n  instruments: {{BTC-PERPETUAL: {{}}, {FUTURE}: {{}}}}\n',
    )
)


def test_where_one_of_two_books_falls_silent_all_quotes_are_pulled_until_it_speaks_again(tmp_path: Path) -> None:
    with story(tmp_path, config=BY_TWO_BOOKS) as told:
        assert told.instruments == ["deribit/BTC-PERPETUAL"]
        silent = told.spoil(lambda frame: f'"book.{FUTURE}.' in frame, Passage.lose, times=1_000_000)
        told.until(lambda: not told.resting(), within_s=10)
        pulled_at = told.at
        told.run(5)
        assert not told.resting()

        told.lift(silent)
        told.until(told.is_quoting)
        assert told.at > pulled_at + 5 * 10**9
        told.end_well()

        asked = {command.instrument for command in told.witness.commands if hasattr(command, "instrument")}
        assert asked == {"deribit/BTC-PERPETUAL"}
