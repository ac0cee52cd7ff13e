"""The verb that reads numbers off a recording: `calibrate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replenisher.cli.program import AsJson, app, progress, show

if TYPE_CHECKING:
    from replenisher.report.calibrate import Calibration
    from replenisher.report.impact import Impact

APART = 1.5  # by this factor two estimates of one number differ too much to believe in the law behind both


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
    table of Stoikov's micro-price, all printed as YAML to be pasted into a strategy. A recording that tells too
    little ends with a sentence and exit code 78.
    """
    from replenisher.wiring.calibration import calibrate as read

    with progress(f"calibrating on {tape.name}") as say:
        symbol, found = read(tape, instrument, buckets=buckets, say=say)
    if as_json:
        from msgspec import to_builtins

        show({"instrument": symbol} | to_builtins(found), as_json)
    else:
        typer.echo(_page(symbol, found), nl=False)


def _page(symbol: str, found: "Calibration") -> str:
    """The table as YAML, and the rest as comments before it."""
    import yaml

    rate, decay, line = found.rate, found.decay, found.line
    lines = [
        f"{symbol}: {found.seconds:,.1f} s of a trusted book, {found.touches:,} touches, "
        f"{found.trades:,} trades of {found.market_orders:,} market orders",
        "arrival intensity A exp(-k d), d from the mid in price units:",
        f"  A = {rate.value:.6g} +- {rate.error:.2g} a second, k = {decay.value:.6g} +- {decay.error:.2g}",
    ]
    if line is None:
        lines.append("  too few depths were reached for a line of least squares")
    else:
        lines.append(f"  by least squares A = {line.rate:.6g}, k = {line.decay:.6g}")
        if not 1 / APART < line.decay / decay.value < APART:
            lines.append(
                "  the two k differ much: how far orders go is not exponential, and near the touch the first holds"
            )
    lines += [
        "volatility of the mid, in price units a square root of a second:",
        f"  {_number(found.volatility)} realized, {_number(found.bipower)} without jumps, "
        f"{_number(found.two_scale)} without the bounce of the book",
        "impact of takers (Kyle's lambda), in price units for each unit of amount that they buy more than they sell:",
        f"  {_impact(found.impact)}",
        "to be pasted into a strategy, what of it this one takes:",
    ]
    table = {
        "edges": [round(edge, 4) for edge in found.microprice.edges],
        "adjustments": [[round(ticks, 4) for ticks in row] for row in found.microprice.adjustments],
    }
    pasted = {name: {"value": float(f"{number:.6g}")} for name, number in _coefficients(found)} | {
        "fair_value": {"source": "micro", "table": table}
    }
    return "".join(f"# {each}\n" for each in lines) + yaml.safe_dump(
        pasted, sort_keys=False, default_flow_style=None, width=120
    )


def _coefficients(found: "Calibration") -> list[tuple[str, float]]:
    """By the names that strategies give them; a volatility that is not known, or none, is left out."""
    sigma = [("sigma", found.volatility)] if found.volatility else []
    return [*sigma, ("a", found.rate.value), ("k", found.decay.value)]


def _impact(found: "Impact | None") -> str:
    if found is None:
        return "not known, there were too few bars of trading"
    return f"{found.value:.6g} +- {found.error:.2g}, which explains {found.r2:.0%} of the moves in {found.bars} bars"


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.6g}"
