"""The verbs about tapes: `record`, `tape info` and `tape convert`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from replenisher.cli.program import AsJson, File, app, progress, show_json, tapes


@app.command(epilog="Example: replenisher record configs/paper.yaml --out btc.tape --duration 60")
def record(
    file: File,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Begun, or gone on with if it is a tape; else one is named.")
    ] = None,
    duration: Annotated[float | None, typer.Option(metavar="S", min=0, help="Stop after so many seconds.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Log in at Deribit, and hear each single change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Record the markets of a configuration on a tape.

    Until it is told to stop it hears the books, trades, tickers and definitions of all instruments that the strategies
    trade or go by. They are heard in public, whatever the mode: no key is used, and nothing is ordered. A book that was
    lost is on the tape as lost. In mode paper the exchange is started as `run` would start it. Without --out the tape
    is in the data directory.

    In public Deribit gathers books and trades for 100 ms. With --raw the venue's key logs in, with the right to read
    alone, and each change is told by itself.
    """
    from replenisher.config import load, require_audible

    config = load(file)
    require_audible(config, is_raw=raw)

    from replenisher.wiring import tape_recording

    with progress("recording") as say:
        found = tape_recording.record(config, out, is_raw=raw, duration_s=duration, say=say)
    if as_json:
        show_json(found)
    else:
        typer.echo(f"{found['tape']}: {tape_recording.sentence(found)}")


SHOWN = 10
DISORDER = {  # what is counted, in words; `{}` is the worst of it in seconds
    "clock_back": "the recorder's clock went back, by {} s at most",
    "book_time_back": "the venue's time of a book went back, by {} s at most",
    "trades_late": "a trade came more than a second late, by {} s at most",
    "trades_again": "a trade was told again; it is played once",
    "trades_missing": "a number of a trade is missing",
    "crossed": "a book was crossed",
    "restarted": "a snapshot came although the book stood",
    "without_book": "a change came of a book that was not there",
    "undefined": "something was told of an instrument before it was defined",
}

Recording = Annotated[Path, typer.Argument(metavar="FILE", help="The recording.", show_default=False)]
New = Annotated[Path, typer.Argument(metavar="OUT", help="The tape; there must be none yet.", show_default=False)]


@tapes.command("info", epilog="Example: replenisher tape info btc.tape --json")
def tape_info(file: Recording, as_json: AsJson = False) -> None:
    """Say what is on a recording, and what is wrong with it.

    That is its span, what it tells of each instrument, every gap, every silence that is much longer than usual (which
    may be no gap), and all disorder: clocks that go back, late trades, crossed books, changes of a book that nobody
    has. It may have any form that `tape convert` reads. The exit code is 0
    whatever it says, and 78 if it cannot be read.
    """
    from replenisher.wiring import tape_verbs

    with progress(f"reading {file.name}") as say:
        found = tape_verbs.info(file, say)
    show_json(found) if as_json else typer.echo("\n".join(_page(found)))


@tapes.command("convert", epilog="Example: replenisher tape convert btcusdt.jsonl.gz btc.tape")
def tape_convert(
    file: Recording,
    out: New,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only from here on, by the recorder's clock, UTC.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="And only before this.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a tape of a recording, or of a part of one.

    Read are lines of Binance's streams (spot and USD-M), CSV files of Tardis's (incremental_book_L2, book_snapshot_5
    and _25, trades, quotes), each gzipped or not, and tapes. Every fact keeps its place and both its times, whatever is
    wrong with it, and what is on the tape is said as by `tape info`. OUT appears once it is whole.
    """
    from replenisher.wiring import tape_verbs

    with progress(f"converting {file.name}") as say:
        found = tape_verbs.convert(file, out, since=since, until=until, say=say)
    show_json(found) if as_json else typer.echo("\n".join(_page(found)))


def _page(found: Mapping[str, Any]) -> Iterator[str]:
    """The same for people."""
    blocks = f" in {found['blocks']:,} blocks" if "blocks" in found else ""
    yield f"{found['path']}: {found['form']}, {found['bytes']:,} bytes{blocks}"
    for whole in (found, found.get("source", {})):
        if torn_bytes := whole.get("torn_bytes"):
            yield f"torn: the last {torn_bytes:,} bytes of {whole['path']} are no whole block, and were left out"
        if again := whole.get("changes_again"):
            yield f"told again: {again:,} changes of a book in {whole['path']}, which were left out"
    if found["begins"] is None:
        yield "there is nothing on it"
        return
    yield f"recorded: {found['begins']} to {found['ends']}, {found['seconds']:,.1f} s"
    for each in found["instruments"]:
        told = ", ".join(f"{count:,} {kind}" for kind, count in each["facts"].items())
        yield f"{each['instrument']}: {each['kind']}, tick {each['tick']}, lot {each['lot']}"
        yield f"  {told}"
        yield f"  a book for {each['trusted_s']:,.1f} s"
        yield f"  a word every {each['pause_s_mean']:,.3f} s, the longest pause {each['pause_s_max']:,.3f} s"
    gaps, silences = found["gaps"], found["silences"]
    yield f"gaps: {len(gaps):,}" if gaps else "gaps: none"
    yield from _first(gaps, _gap)
    are = "in which nothing happened, or was heard"
    yield f"silences, {are}: {len(silences):,}" if silences else "silences: none"
    yield from _first(silences, _silence)
    disorder = {kind: count for kind in DISORDER if (count := found["disorder"][kind])}
    yield "disorder:" if disorder else "disorder: none"
    for kind, count in disorder.items():
        worst = found["disorder"].get(f"{kind}_s_max", 0)
        yield f"  {count:,} x {DISORDER[kind].format(f'{worst:,.3f}')}"


def _gap(gap: Mapping[str, Any]) -> str:
    lasted = "to the end" if gap["seconds"] is None else f"for {gap['seconds']:,.3f} s"
    return f"{gap['at']} {gap['instrument']} {lasted}: {gap['reason']}"


def _silence(silence: Mapping[str, Any]) -> str:
    return f"{silence['at']} {silence['instrument']} for {silence['seconds']:,.3f} s"


def _first(found: Sequence[Mapping[str, Any]], told: Callable[[Mapping[str, Any]], str]) -> Iterator[str]:
    """The first of them."""
    for each in found[:SHOWN]:
        yield f"  {told(each)}"
    if len(found) > SHOWN:
        yield f"  and {len(found) - SHOWN:,} more: --json has all"
