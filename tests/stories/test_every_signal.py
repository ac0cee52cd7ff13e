"""A strategy that names every signal is told all of them, and those are what its market shows."""

from contextlib import closing
from pathlib import Path
from shutil import copy

import pytest
import yaml
from sqlalchemy import select

from replenisher.config import load
from replenisher.store import tables
from replenisher.store.database import Database
from replenisher.wiring.replaying import replay
from tests.core.signals.given import kinds
from tests.stories import curious

PAPER = Path(__file__).parents[2] / "configs" / "paper.yaml"
MINUTES = 1.2
PRICES = ("mid", "weighted_mid", "microprice", "vamp", "vamp_of_size", "weighted_depth")
OF_NOW = {*PRICES, "depth_imbalance", "bid_behind"}


def test_it_is_told_all_of_them_and_they_agree_on_the_market(tmp_path: Path) -> None:
    copy(curious.__file__, tmp_path / "curious.py")
    written = yaml.safe_load(PAPER.read_text())
    strategy = {"id": "curious", "strategy": "curious.py:Curious", "lots": 100}
    written["strategies"] = [strategy | {key: written["strategies"][0][key] for key in ("venue", "instrument")}]
    (tmp_path / "curious.yaml").write_text(yaml.safe_dump(written))

    replay(load(tmp_path / "curious.yaml"), minutes=MINUTES, directory=tmp_path / "data", tell=lambda _word: None)

    with closing(Database(f"sqlite:///{tmp_path / 'data' / 'replenisher.db'}")) as database:
        decided = database.read(lambda db: db.execute(select(tables.decisions)).all())
        kept = database.read(lambda db: db.execute(select(tables.signals.c.specification)).scalars().all())
    names = curious.Curious(lots=1).signals
    assert {type(spec).__name__ for spec in names.values()} == kinds()
    assert len(decided) > 50
    for row in decided:
        terms = row.terms
        if not row.wanted:
            continue
        assert terms.keys() >= names.keys()
        for name in PRICES:
            assert terms[name] == pytest.approx(terms["mid"], rel=5e-3)
        assert terms["bid_behind"] <= terms["mid"]
        for name in ("depth_imbalance", "trade_imbalance"):
            assert -1 <= terms[name] <= 1
        assert 0 <= terms["vpin"] <= 1
        assert min(terms["a"], terms["k"], terms["effective"]) > 0
        volatilities = [terms[name] for name in ("sigma", "parkinson", "garman_klass", "rogers_satchell")]
        assert 0 < max(volatilities) < 5 * min(volatilities)
    assert sum(len(row.permitted) == 2 for row in decided) > 50, "it quotes on them"
    assert len(kept) == len({spec.seen_by for name, spec in names.items() if name not in OF_NOW}), "for the next life"
