"""The answer to `status` on one page of plain text, for people; machines get the whole of it with `--json`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from replenisher.core.resilience import SWEEPS_MIN
from replenisher.live.accepted import alarming
from replenisher.live.lines import clock, decimals_of, printable, span
from replenisher.live.standing import MarkSource
from replenisher.live.uptime import uptime_of

LADDER = ("strategy", "instrument", "side", "#", "price", "size", "filled", "age", "is")
LINE_MAX = 96  # characters of a line, its label aside
SHOWN_TAUS = ("1s", "5s", "30s")
SURE = "in brackets 95 % and of how many; the next sweep of a side ends a watch, means are of those still watched"
NO_MARKET = (MarkSource.NONE, MarkSource.LAST_TRADE)  # what marks an instrument while it has none
LEFT = {"strategy", "instrument", "side", "is"}
AS_ASKED = ("amended", "canceled")
NOT_AS_ASKED = ("rejected", "expired", "denied", "unknown")

SWITCH = {
    "armed": "armed, the venue cancels when we are gone",
    "not armed": "not armed, there is no session",
    "none": "none, what rests stays when we are gone",
}

Answer = Mapping[str, Any]


def status_page(answer: Answer) -> str:
    """What a daemon says of itself: whether it quotes, what it has done, what it holds, and what stands on the book."""
    facts = [
        *_states(answer),
        *_counts(answer),
        *_holdings(answer),
        *_dangers(answer),
        *_terms(answer),
        *_resilience(answer),
    ]
    width = max(len(label) for label, _ in facts)
    lines = [f"{label:<{width}}  {text}" for label, text in facts]
    return "\n".join(printable(line) for line in (*lines, "", *_ladder(answer)))


def _eaten(levels: int) -> str:
    match levels:
        case 0:
            return ""
        case 1:
            return "1 eaten level waits for its refill"
        case _:
            return f"{levels} eaten levels wait for their refill"


def _states(answer: Answer) -> Iterator[tuple[str, str]]:
    shown = {order["strategy"] for order in answer["ladder"]}
    for strategy, absence in answer["not_quoting"].items():
        short = answer["withheld"].get(strategy, "")
        if absence or strategy not in shown:
            waiting = sum(slot["strategy"] == strategy for slot in answer["empty_slots"])
            reasons = absence or ", ".join(filter(None, (short, _eaten(waiting)))) or "no order rests"
            yield strategy, f"shows nothing: {reasons}"
        else:
            yield strategy, f"quoting, less than wanted: {short}" if short else "quoting"
    for strategy, lines in answer["guards"].items():
        yield from ((f"{strategy} guards", line) for line in lines)
    for strategy, uptime in answer["obligations"].items():
        yield f"{strategy} owes", uptime_of(uptime, answer["at"])
    for venue, stage in answer["sync"].items():
        yield venue, f"{stage}, lost last: {answer['lost'][venue]}" if venue in answer["lost"] else stage
    for venue, switch in answer["dead_man_switch"].items():
        yield "dead man", f"{venue}: {SWITCH[switch]}"
    if difference := answer.get("file_differs"):  # which whoever asks finds
        yield "! file", difference
    yield "lease", _lease(answer["lease"])
    yield "up", clock(int(answer["uptime_s"]))
    yield "rows", _rows(answer["rows"])
    yield from _statements(answer["statements"])
    if answer["lines_lost"]:
        yield "! log", f"{answer['lines_lost']:,} lines could not be written, the disk is full"
    yield "orders", f"{answer['live_orders']} live, {answer['in_flight']} in flight, {answer['unanswered']} unanswered"
    if answer["uncovered"]:
        yield "not covered", f"{answer['uncovered']} orders by the dead-man switch, each until it is next moved"


def _lease(lease: Answer) -> str:
    """Whether the account is ours alone."""
    if not lease["is_held"]:
        return f"not held, epoch {lease['epoch']}: {lease['why']}"
    return f"ours, epoch {lease['epoch']}, for {lease['left_s']:.0f} s unless it is renewed"


def _rows(rows: Answer) -> str:
    """How far the SQL ledger is behind the journal, and why if it does not come nearer."""
    behind = f"{rows['behind_bytes']:,} bytes behind the journal" if rows["behind_bytes"] else "up to date"
    return f"wait, {behind}: {rows['error']}" if rows["error"] else behind


def _statements(stated: Sequence[Answer]) -> Iterator[tuple[str, str]]:
    """The days that are neither explained nor accepted; of the others, the last."""
    alarms = alarming(stated)
    for each in alarms:
        yield "! statement", f"{each['day']} is {each['told']}"
    if stated and (last := stated[-1]) not in alarms:
        why = f"; accepted: {last['accepted']}" if last["accepted"] else ""
        yield "statement", f"{last['day']}: {last['told']}{why}"


def _counts(answer: Answer) -> Iterator[tuple[str, str]]:
    yield "so far", ", ".join([f"{answer['orders']} placed", *(f"{answer[count]} {count}" for count in AS_ASKED)])
    yield "not as asked", ", ".join(f"{answer[count]} {count}" for count in NOT_AS_ASKED)
    yield "fills", f"{answer['fills']}, {answer['fills_per_minute']} in the last minute"
    yield "refills", f"{answer['refills']} sent, eaten slots full again: {answer['slots_refilled']}"
    soon = []
    if answer["refill_p50_ms"] is not None:
        soon += [f"{name} {answer[f'refill_{name}_ms']} ms" for name in ("p50", "p95", "p99")]
    if answer["refilled_5s_share"] is not None:
        soon.append(f"{answer['refilled_5s_share']:.0%} within 5 s")
    if soon:
        yield "", ", ".join(soon)


def _resilience(answer: Answer) -> Iterator[tuple[str, str]]:
    """How the books came back after they were swept, each band of them; of each number how sure it is."""
    is_any = False
    for name, bands in answer["resilience"].items():
        few = []
        for band, said in bands.items():
            if lines := [*_in_lines(_recovery(said))]:
                is_any = True
                yield "swept", f"{name}, {band} {_times(said['sweeps'])}"
                yield from (("", line) for line in lines)
            elif said["sweeps"]:
                few.append(f"{band} {_times(said['sweeps'])}")
        if few:
            yield "swept", f"{name}, {', '.join(few)}: fewer than {SWEEPS_MIN} tell nothing"
    if is_any:
        yield "", SURE


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _recovery(said: Answer) -> Iterator[str]:
    """How soon, how surely, and by whose orders."""
    for label, key in (("half back in", "t50_s"), ("90 % back in", "t90_s")):
        if said[key] is not None:
            yield f"{label} {said[key]:.1f} s{_sure(said, key, 1, 1)}"
    if said["rho_per_s"] is not None:
        yield f"rho {said['rho_per_s']:.2f} a second{_sure(said, 'rho_per_s', 1, 2)}"
    if said["half_life_s"] is not None:
        yield f"half-life {said['half_life_s']:.1f} s{_sure(said, 'half_life_s', 1, 1, 'rho_per_s')}"
    if said["flow_per_s"] is not None:
        yield f"flow {said['flow_per_s']:.0%} a second{_sure(said, 'flow_per_s', 100, 0)}"
    for label, key, seen in (("never", "never_share", "t90_by 60s"), ("ours", "own_share", "own_share")):
        if said[key] is not None:
            yield f"{label} {said[key]:.0%}{_sure(said, key, 100, 0, seen)}"
    for tau, share in said["back"].items():
        yield f"{share:.0%} back after {tau}{_sure(said, f'back {tau}', 100, 0)}"
    for tau in SHOWN_TAUS:
        if tau in said["t90_by"]:
            share = said["t90_by"][tau]
            yield f"{share:.0%} are 90 % back by {tau}{_sure(said, f't90_by {tau}', 100, 0)}"


def _sure(said: Answer, key: str, scale: float, decimals: int, seen: str = "") -> str:
    """An interval, where there is one, and on how many sweeps the number rests."""
    count = f"n {said['seen'][seen or key]}"
    if key not in said["intervals"]:
        return f" [{count}]"
    low, high = said["intervals"][key]
    return f" [{scale * low:.{decimals}f}, {'never' if high is None else f'{scale * high:.{decimals}f}'}; {count}]"


def _holdings(answer: Answer) -> Iterator[tuple[str, str]]:
    for name, held in answer["instruments"].items():
        coin, quote = held["settlement_currency"], held["quote_currency"]
        worth = (
            ""
            if held["pnl_quote"] is None
            else f" ({Decimal(held['pnl_quote']):,.2f} {quote} at {held['mark_source']})"
        )
        parts = ", ".join(f"{part} {_told(held[part])}" for part in ("realized", "unrealized", "fees"))
        yield name, f"position {_amounts([held['position']])[0]}"
        pnl = "unknown" if held["pnl"] is None else f"{held['pnl']} {coin}"
        yield "P&L", f"{pnl}{worth}"
        yield "of which", parts
        if Decimal(held["position"]) and held["mark_source"] in NO_MARKET:
            yield "! loss limit", "while it has no market, what it gains or loses does not count"
        for currency, fees in held["fees_elsewhere"].items():
            yield "fees besides", f"{fees} {currency}, which neither P&L nor any limit counts"
    for account, balance in answer["balances"].items():
        yield "balance", f"{balance} {account.rpartition('/')[2]} at {account.rpartition('/')[0]}"


def _dangers(answer: Answer) -> Iterator[tuple[str, str]]:
    for halt in answer["halts"]:
        yield "halt", f"everything, until `resume --reason`: {halt['reason']}"
    for pause in answer["pauses"]:
        left_ns = pause["until"] - answer["at"]
        until = f"for {span(left_ns)} more" if pause["until"] else "until `resume`"
        label = "reduce" if pause["reduces"] else "pause"
        yield label, f"{pause['strategy'] or 'all strategies'}, {until}: {pause['reason']}"
    if answer["stop"] is not None:
        verdict = answer["stop"]["verdict"]
        stage = f"{verdict}, the last rows are awaited" if verdict else "under way"
        yield "stop", f"{stage}: {answer['stop']['reason']}"


def _terms(answer: Answer) -> Iterator[tuple[str, str]]:
    """What each strategy goes by besides its book, and the numbers that led to what it last wanted."""
    for strategy, prices in answer["prices"].items():
        yield f"{strategy} sees", ", ".join(f"{source} {told}" for source, told in prices.items())
    for strategy, terms in answer["terms"].items():
        for place, line in enumerate(_in_lines(f"{name} {number:.8g}" for name, number in terms.items())):
            yield "" if place else f"{strategy} by", line


def _in_lines(words: Iterable[str]) -> Iterator[str]:
    """As many lines as it takes."""
    line = ""
    for word in words:
        longer = f"{line}, {word}" if line else word
        if line and len(longer) > LINE_MAX:
            yield line
            longer = word
        line = longer
    if line:
        yield line


def _ladder(answer: Answer) -> list[str]:
    orders = answer["ladder"]
    if not orders:
        return ["no order rests"]
    prices, sizes, filled = (_amounts(order[key] for order in orders) for key in ("price", "amount", "filled"))
    rows = [
        (
            order["strategy"],
            order["instrument"],
            order["side"],
            str(order["level"]),
            prices[place],
            sizes[place],
            filled[place] if Decimal(order["filled"]) else "·",
            span(order["age_ns"]),
            order["status"] if order["pending"] is None else f"{order['status']}, {order['pending']} sent",
        )
        for place, order in enumerate(orders)
    ]
    return _table(LADDER, rows)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as what is in them; words lean to the left, numbers to the right."""
    widths = [max(len(row[place]) for row in (titles, *rows)) for place in range(len(titles))]
    return [
        "  ".join(
            cell.ljust(width) if title in LEFT else cell.rjust(width)
            for title, cell, width in zip(titles, row, widths, strict=True)
        ).rstrip()
        for row in (titles, *rows)
    ]


def _amounts(texts: Iterable[str]) -> list[str]:
    """Exact numbers with thousands apart, all with as many decimals as the longest of them needs."""
    values = [Decimal(text) for text in texts]
    decimals = max(decimals_of(value) for value in values)
    return [f"{value:,.{decimals}f}" for value in values]


def _told(value: str | None) -> str:
    return "unknown" if value is None else value
