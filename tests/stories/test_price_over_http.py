"""A desk that quotes around a price over HTTP: while there is one, and not on what is no price."""

import json
from pathlib import Path

from replenisher.live.control import ask
from tests.stories.desk import PAPER, Desk, resting
from tests.stories.price_source import Source, source

UNKNOWN = {"core": "fair value: the price over HTTP is not known"}


def desk_by(server: Source, room: Path) -> Desk:
    config = room / "desk.yaml"
    url = f"http://127.0.0.1:{server.server_port}/"
    fair_value = "fair_value: {source: http, http: spot, max_age_ms: 1000}"
    text = PAPER.read_text()
    assert "fair_value: {source: mid}" in text
    config.write_text(
        text.replace("fair_value: {source: mid}", fair_value).replace("market_data: false", "market_data: true")
        + f'\nprice_sources: {{spot: {{url: "{url}", field: btc.0, poll_ms: 200}}}}\n'
    )
    return Desk(room, config)


def test_a_desk_quotes_while_there_is_a_price_and_says_why_it_does_not(tmp_path: Path) -> None:
    with source() as server:
        server.answer = b'{"btc": [60000.0]}'
        desk = desk_by(server, tmp_path)
        with desk.running("run", desk.config) as life:
            life.until("it quotes", lambda: resting(desk.ledger()))

            server.answer = b'{"btc": ["soon"]}'
            life.until("it has pulled its quotes", lambda: not resting(desk.ledger()))
            life.until("it says why", lambda: ask(desk.data, "status")["not_quoting"] == UNKNOWN)
            sees = desk.answer("status")["prices"]["core"]
            assert sees == {"http": "not fresh: its btc.0 is no price: 'soon'"}
            failed = [(fact["source"], fact["reason"]) for fact in life.told("price_failed")]
            assert failed == [("spot", "its btc.0 is no price: 'soon'")]

            server.answer = b'{"btc": [60000.0]}'
            life.until("it quotes again", lambda: resting(desk.ledger()))
            assert desk.quoting(life)["terms"]["core"]["http"] == 60000.0
            assert life.stop().code == 0

        server.answer = b"<html>"
        with desk.running("run", desk.config) as life:  # what it left is looked after, whatever the price is
            life.until("it is in sync", lambda: life.told("synced"))
            life.until("it says why", lambda: ask(desk.data, "status")["not_quoting"] == UNKNOWN)
            assert not resting(desk.ledger())
            assert life.stop().code == 0
    desk.audit()
    again = desk.command("replay", desk.config, "--journal", desk.data, "--json")
    assert again.code == 0, "what was told over HTTP is in the journal, too"
    assert (json.loads(again.stdout)["lives"], json.loads(again.stdout)["difference"]) == (2, None)
