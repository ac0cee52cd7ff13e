"""The economics bench sees what happens, the same each time, and says only what its seeds show."""

import pytest

from bench.economics import CASES, Figure, Run, document, main, run

BLIND = CASES[0]


def test_one_order_flow_has_one_outcome_and_another_one_another() -> None:
    first, again, other = run(BLIND, 1, 11), run(BLIND, 1, 11), run(BLIND, 2, 11)

    assert first == again
    assert first.fills > 20
    assert first.hash != other.hash


@pytest.mark.parametrize(("spread", "is_shown"), [(1.0, True), (100.0, False)])
def test_a_quoter_earns_only_if_chance_does_not_explain_it(spread: float, is_shown: bool) -> None:
    def runs(mean: float) -> list[Run]:
        return [Run(mean + side * spread, 0.58 + side / 10, 1, 1, 1, "", 0.58) for side in (-1, 1, -1, 1)]

    found = document({"blind": runs(-5), "paper": runs(5), "blind, nobody informed": runs(0)}, 4, 60)

    assert (found["blind_loses"], found["paper_earns"]) == (is_shown, is_shown)
    assert found["paper_less_blind_quote"]["mean"] == 10
    assert found["standard_errors"] == 0


def test_an_interval_is_that_of_a_mean() -> None:
    figure = Figure.of([1.0, 2.0, 3.0, 4.0])

    assert figure.mean == 2.5
    assert figure.error == pytest.approx(0.6455, abs=1e-4)  # by hand: sqrt(5 / 3) / 2
    assert figure.low < 2.5 < figure.high


def test_too_few_seeds_are_a_mistake_of_whoever_asks(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--seeds", "1"])

    assert ended.value.code == 2
    assert "at least 2 seeds" in capsys.readouterr().err
