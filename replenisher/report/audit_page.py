"""An audit for people: what was compared, and a line for each difference."""

from replenisher.report.audit import Audit

SOURCES = {"file": "its ledger file", "wire": "its answers"}
CUT_OFF = "the last life was cut off, or trades elsewhere: the next one brings its last rows, and what it missed"


def audit_page(found: Audit) -> str:
    """How much was compared, with what, and where the books disagree."""
    lines = [
        f"compared with the exchange by {SOURCES[found.source]}, the desk {'runs' if found.is_running else 'stands'}",
        f"{found.orders} orders ({found.open_orders} rest), {found.fills} fills, {found.refills} refills",
    ]
    if found.cash_unread:
        lines.append(f"money moved {found.cash_unread} times since our last look: the next life reads it")
    if found.last_life is not None:
        lines.append(f"the last life {found.last_life.told}")
    if found.is_lease_out:
        lines.append(CUT_OFF)
    lines += [
        f"{each.kind}: {each.row}: ours {_said(each.ours)}, theirs {_said(each.theirs)}" for each in found.differences
    ]
    lines.append(f"{len(found.differences)} differences" if found.differences else _agreement(found))
    return "\n".join(lines)


def _said(value: str | None) -> str:
    return "nothing" if value is None else value


def _agreement(found: Audit) -> str:
    return "the books agree" if found.orders or found.fills else "both books are empty"
