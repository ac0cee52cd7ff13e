"""The story of an order for people: a line a happening, under its day and life, and below it the numbers that led
there, a line a stage.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from replenisher.model.units import SECOND_NS
from replenisher.store.moment import moment

INDENT = " " * 2
NAME = 12  # characters of a stage's


def why_page(found: Mapping[str, Any]) -> str:
    """What JSON carries of the story, as text. Times are UTC; numbers are those that were worked with, to the digit."""
    return "\n".join(_lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"order {found['order_id']} at {found['venue']}, account {found['account']}"
    if not found["strategy"]:
        yield found["reason"]
    else:
        idea = f" ({found['idea']})" if found["idea"] else ""
        whose = f"{found['side']} {found['instrument']} for {found['strategy']}{idea}"
        yield f"{whose}, configuration {found['config_version']}"
    told = ""
    for event in found["events"]:
        day, time = _moment(event["at"]).split()
        if (life := f"{day}, life {event['epoch']}") != told:
            told = life
            yield life
        yield from _event(event, time, found)
    if found["status"] and (not found["events"] or found["events"][-1]["what"] != "ended"):
        yield f"as far as is recorded it is {found['status']}, and {found['filled']} {found['amount_unit']} are filled"


def _event(event: Mapping[str, Any], time: str, found: Mapping[str, Any]) -> Iterator[str]:
    told = event["told"]
    if event["what"] == "kept":
        told = _kept(event, told)
    yield f"{time}  {event['what']}: {told}  [step {event['step']}]"
    if event["shown"] is not None:
        yield from _shown(event["shown"], found["quote_currency"])
        if event["what"] != "cancel":
            yield f"{INDENT}{'sent':<{NAME}} at {event['price']}"


def _kept(event: Mapping[str, Any], told: str) -> str:
    if event["times"] == 1:
        return f"wanted at {event['price']}: {told}"
    return f"wanted elsewhere {event['times']} times until {_moment(event['until'])}, first at {event['price']}: {told}"


def _shown(shown: Mapping[str, Any], currency: str) -> Iterator[str]:
    source = f" ({shown['fair_value_source']})" if shown["fair_value_source"] else ""
    yield f"{INDENT}{'fair value':<{NAME}} {shown['fair_value']!r} {currency}{source}"
    for stage in shown["stages"][1:]:
        yield f"{INDENT}{stage['name']:<{NAME}} {_sum(stage)} = {stage['price']}"
    if terms := _others(shown["terms"], shown["stages"]):
        yield f"{INDENT}{'from':<{NAME}} {terms}"
    yield f"{INDENT}{'wanted':<{NAME}} {_wanted(shown)}"
    for reason, price, amount in shown["cuts"]:
        left = f"leaves {amount} at {price}" if float(amount) else "leaves nothing"
        yield f"{INDENT}{'cut':<{NAME}} {reason}: {left}"


def _sum(stage: Mapping[str, Any]) -> str:
    """What a stage does to the price before it: adds or takes a product, or goes by a price."""
    numbers = [f"{number!r} {name}" for name, number in stage["numbers"].items()]
    if stage["does"] in ("+", "-"):
        return f"{stage['does']} {' * '.join(numbers)}"
    by, *because = numbers
    return f"{stage['does']} {by}{''.join(f' ({each})' for each in because)}"


def _others(terms: Mapping[str, float], stages: Sequence[Mapping[str, Any]]) -> str:
    """The terms that no stage has told."""
    told = {name for stage in stages for name in stage["numbers"]} | {"fair_value"}
    return ", ".join(f"{name} {value!r}" for name, value in terms.items() if name not in told)


def _wanted(shown: Mapping[str, Any]) -> str:
    if shown["wanted"] is None:
        return "nothing there"
    wish = f"{shown['wanted_amount']} at {shown['wanted']}"
    if not shown["stages"]:
        return f"{wish}; the strategy does not say how its prices follow from its terms"
    return wish if shown["agrees"] else f"{wish}, which these numbers do not lead to"


def _moment(at: int) -> str:
    return f"{moment(at)}.{at % SECOND_NS // 1_000_000:03}"
