"""What Prometheus reads of a desk: the numbers of `status`, and that nobody answers where no daemon runs."""

import re
import signal
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from tests.stories.desk import Desk, Process

Samples = dict[tuple[str, ...], float]


def scraped(exporter: Process) -> dict[str, Samples]:
    """What one scrape reads: samples by the values of their labels, in the order of the labels' names."""
    (url,) = exporter.lines()
    with urlopen(url, timeout=60) as page:
        assert page.headers["Content-Type"].startswith("text/plain; version=")
        told = page.read().decode()
    read: dict[str, Samples] = {}
    for family in text_string_to_metric_families(told):
        assert family.documentation
        for sample in family.samples:
            read.setdefault(sample.name, {})[tuple(value for _, value in sorted(sample.labels.items()))] = sample.value
    return read


def test_a_scrape_reads_what_status_says_and_a_desk_without_a_daemon_is_down(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with desk.running("metrics", desk.config, "--port", "0") as exporter:
        exporter.until("it listens", exporter.lines)
        before = scraped(exporter)
        with desk.running("run", desk.config) as daemon:
            daemon.until("it is filled", lambda: scraped(exporter).get("replenisher_fills_total", {}).get((), 0) > 0)
            desk.command("pause", desk.config)
            paused, status = scraped(exporter), desk.answer("status")
            daemon.stop()
        after = scraped(exporter)
        ended = exporter.stop()

    down = {"replenisher_up": {(): 0.0}, "replenisher_halts": {(): 0.0}}
    assert (before, after) == (down, down)
    assert (ended.code, ended.stderr.splitlines()) == (
        0,
        [
            f"replenisher: no daemon runs on {desk.data}",
            "replenisher: the daemon answers",
            f"replenisher: no daemon runs on {desk.data}",
        ],
    )
    assert paused["replenisher_up"] == {(): 1.0}
    assert paused["replenisher_config_info"] == {(status["config_version"],): 1.0}
    for count in ("orders", "amended", "canceled", "fills", "refills"):
        assert paused[f"replenisher_{count}_total"] == {(): status[count]}
    held = status["instruments"]["deribit/BTC-PERPETUAL"]
    assert paused["replenisher_position"] == {("deribit/BTC-PERPETUAL",): float(held["position"])}
    assert paused["replenisher_realized"] == {("BTC", "deribit/BTC-PERPETUAL"): float(held["realized"])}
    assert paused["replenisher_quoting"] == {("core",): 0.0}
    assert paused["replenisher_pauses"] == {(): 1.0}
    assert "replenisher_resting_amount" not in paused
    assert paused["replenisher_balance"] == {("BTC", "deribit"): float(status["balances"]["deribit/BTC"])}


def test_a_port_that_is_taken_is_said_and_so_is_a_file_that_cannot_be_run(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with desk.running("metrics", desk.config, "--port", "0") as exporter:
        exporter.until("it listens", exporter.lines)
        (port,) = re.findall(r":(\d+)/", exporter.lines()[0])
        second = desk.command("metrics", desk.config, "--port", port)
        interrupted = exporter.stop(signal.SIGINT)
    nowhere = desk.command("metrics", tmp_path / "none.yaml", "--port", "0")

    assert (second.code, second.stderr) == (1, f"replenisher: port {port} is in use: another program listens there\n")
    assert (nowhere.code, nowhere.stderr.count("\n")) == (78, 1)
    assert (interrupted.code, interrupted.stderr) == (0, "")


def test_a_halt_is_told_after_it_has_ended_the_daemon_and_until_it_is_lifted(tmp_path: Path) -> None:
    desk = Desk(tmp_path, REPLENISHER_RISK__MAX_FILLS_PER_MINUTE="1")
    with desk.running("metrics", desk.config, "--port", "0") as exporter:
        exporter.until("it listens", exporter.lines)
        halted = desk.command("run", desk.config, "--duration", "60")
        ended = scraped(exporter), scraped(exporter)
        lifted = desk.command("resume", desk.config, "--reason", "the limit was a typing error")
        after = scraped(exporter)
        journal = max((desk.data / "journal").glob("*.journal"))
        written = bytearray(journal.read_bytes())
        written[100] ^= 1
        journal.write_bytes(written + b"more")
        damaged = scraped(exporter)
        told = exporter.stop().stderr.splitlines()

    assert (halted.code, lifted.code) == (3, 0)
    assert ended == ({"replenisher_up": {(): 0.0}, "replenisher_halts": {(): 1.0}},) * 2
    assert after == {"replenisher_up": {(): 0.0}, "replenisher_halts": {(): 0.0}}
    assert damaged == {"replenisher_up": {(): 0.0}}
    assert told[-1].startswith(f"replenisher: no daemon runs on {desk.data}; ") and str(journal) in told[-1]
