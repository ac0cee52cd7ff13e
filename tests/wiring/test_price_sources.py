"""Sources of prices over HTTP as the doctor sees them."""

from pathlib import Path

from replenisher.config import load
from replenisher.venues.doctor import Light
from replenisher.wiring.price_sources import about_price_sources
from tests.stories.desk import PAPER
from tests.stories.price_source import source

NOBODY = "http://127.0.0.1:1/"


def test_each_source_is_asked_and_who_says_no_price_is_red(tmp_path: Path) -> None:
    with source() as good, source() as bad:
        good.answer, bad.answer = b'{"price": "60000.5"}', b'{"error": "no such pair"}'
        urls = {"good": f"http://127.0.0.1:{good.server_port}/", "bad": f"http://127.0.0.1:{bad.server_port}/"}
        lines = [f'  {name}: {{url: "{url}", field: price}}' for name, url in (urls | {"gone": NOBODY}).items()]
        config = tmp_path / "desk.yaml"
        config.write_text("\n".join([PAPER.read_text(), "price_sources:", *lines, ""]))

        found = {finding.check: finding for finding in about_price_sources(load(config))}

    assert (found["good"].light, found["good"].found) == (Light.GREEN, "it says 60,000.5")
    assert (found["bad"].light, found["bad"].found) == (Light.RED, "its answer has no price")
    assert found["bad"].advice.startswith("check price_sources.bad.url and field: ")
    assert found["gone"].light is Light.RED
    assert found["gone"].found.startswith("it cannot be reached: ")
    assert [name for name in found if found[name].is_unreachable] == ["gone"]
