"""The verb that reads numbers off a recording: `calibrate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replenisher.cli.program import AsJson, app, progress, show_json

if TYPE_CHECKING:
    from replenisher.core.signals.stoikov import StoikovTable
    from replenisher.report.calibrate import Calibration
    from replenisher.report.impact import Impact


@app.command(epilog="Example: replenisher calibrate btcusdt.jsonl.gz --instrument BTCUSDT")
def calibrate(
    tape: Annotated[Path, typer.Argument(metavar="TAPE", help="The recording.", show_default=False)],
    instrument: Annotated[
        str | None, typer.Option(metavar="NAME", help="What it must be of, as the venue names it there.")
    ] = None,
    buckets: Annotated[int, typer.Option(min=2, max=100, help="Of the imbalance, in the micro-price's table.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Estimate what models of a market need from a recording of it.

    That is the arrival intensity of market orders A exp(-k d), by maximum likelihood with standard errors and by
    least squares as a cross-check; the volatility of the mid; by how much the mid moves with what takers buy; and the
    table of Stoikov's micro-price, all printed as YAML to be pasted into a strategy. Where spreads of one tick are
    rare the table is left out, and where the cross-check contradicts them A and k are. A recording that tells too
    little of the rest ends with a sentence and exit code 78.
    """
    from replenisher.wiring.calibration import calibrate as read

    with progress(f"calibrating on {tape.name}") as say:
        symbol, found = read(tape, instrument, buckets=buckets, say=say)
    if as_json:
        from msgspec import to_builtins

        show_json({"instrument": symbol} | to_builtins(found))
    else:
        typer.echo(_page(symbol, found), nl=False)


def _page(symbol: str, found: "Calibration") -> str:
    """What a strategy takes as YAML, and the rest as comments before it."""
    import yaml

    rate, decay, line = found.rate, found.decay, found.line
    coefficients = {"sigma": found.volatility, "a": rate.value, "k": decay.value}
    lines = [
        f"{symbol}: {found.seconds:,.1f} s of a trusted book, {found.touches:,} touches, "
        f"{found.trades:,} trades of {found.market_orders:,} market orders",
        "arrival intensity A exp(-k d), d from the mid in price units:",
        f"  A = {rate.value:.6g} +- {rate.error:.2g} a second, k = {decay.value:.6g} +- {decay.error:.2g}",
    ]
    if line is None:
        lines.append("  too few depths were reached for a line of least squares to check them by")
    elif found.contradiction:
        lines += [
            f"  by least squares A = {line.rate:.6g}, k = {line.decay:.6g}, which contradicts them:",
            f"  {found.contradiction}; how far orders go is not exponential, so no a and k are below",
        ]
        del coefficients["a"], coefficients["k"]
    else:
        lines.append(f"  by least squares A = {line.rate:.6g}, k = {line.decay:.6g}, which agrees with them")
    lines += [
        "volatility of the mid, in price units a square root of a second:",
        f"  {_number(found.volatility)} realized, {_number(found.bipower)} without jumps, "
        f"{_number(found.two_scale)} without the bounce of the book",
        "impact of takers (Kyle's lambda), in price units for each unit of amount that they buy more than they sell:",
        f"  {_impact(found.impact)}",
    ]
    pasted: dict[str, object] = {
        name: {"value": float(f"{number:.6g}")} for name, number in coefficients.items() if number
    }
    if found.microprice is None:
        lines.append(f"the table of the micro-price is left out: {found.why_no_microprice}")
    else:
        pasted["fair_value"] = {"source": "micro", "table": _table(found.microprice)}
    lines.append("to be pasted into a strategy, what of it this one takes:" if pasted else "nothing is to be pasted")
    text = yaml.safe_dump(pasted, sort_keys=False, default_flow_style=None, width=120) if pasted else ""
    return "".join(f"# {each}\n" for each in lines) + text


def _table(microprice: "StoikovTable") -> dict[str, object]:
    return {
        "edges": [round(edge, 4) for edge in microprice.edges],
        "adjustments": [[round(ticks, 4) for ticks in row] for row in microprice.adjustments],
    }


def _impact(found: "Impact | None") -> str:
    if found is None:
        return "not known, there were too few bars of trading"
    return f"{found.value:.6g} +- {found.error:.2g}, which explains {found.r2:.0%} of the moves in {found.bars} bars"


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.6g}"
