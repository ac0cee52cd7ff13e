"""What the doctor found, on one page: a mark, what was looked at, what was found, and what to do about it."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from replenisher.live.lines import printable
from replenisher.venues.doctor import Finding, Light, verdict

MARKS = {Light.GREEN: ("✓", "green"), Light.AMBER: ("!", "yellow"), Light.RED: ("✗", "bold red")}
CHECK_WIDTH = 20


def doctor_page(findings: Sequence[Finding]) -> RenderableType:
    """The whole page, whose last line is the verdict."""
    return Group(*_sections(findings), Text(), _verdict(findings))


def _sections(findings: Sequence[Finding]) -> Iterator[RenderableType]:
    for about, group in groupby(findings, key=lambda finding: finding.about):
        yield Rule(Text(printable(about), style="bold"), align="left", style="dim")
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1)
        table.add_column(width=CHECK_WIDTH, no_wrap=True)
        table.add_column(overflow="fold")
        for finding in group:
            mark, style = MARKS[finding.light]
            table.add_row(Text(mark, style=style), finding.check, Text(printable(finding.found)))
            if finding.advice:
                table.add_row("", "", Text(f"→ {printable(finding.advice)}", style=style))
        yield Padding(table, (0, 1))


def _verdict(findings: Sequence[Finding]) -> Text:
    light, exit_code = verdict(findings)
    counts = {each: sum(finding.light is each for finding in findings) for each in Light}
    _, style = MARKS[light]
    told = {
        0: "ready to trade",
        1: "not ready to trade",
        75: "not everybody could be reached",
    }[exit_code]
    numbers = ", ".join(f"{count} {each}" for each, count in counts.items() if count)
    return Text(f" {light}: {told} ({numbers})", style=style)
