"""S11: no decision knows of what has not happened yet; steps and the facts in them are in the order of time."""

import re

from replenisher.model.event import BookChanged, OrderFilled, TradesReported
from replenisher.model.step import Step
from replenisher.simulate.court import Check, Daemon, Objection, Oracle

TRADE = re.compile(r'"trade_id":"([^"]+)"')


class NoForesight(Check):
    """Holds each step beside the clock, the step before it, and what has reached the daemon."""

    name = "S11"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._last = (0, 0)  # number and time of the last step
        self._delivered: set[str] = set()  # trades, in this life

    def began(self, daemon: Daemon) -> Objection:
        """A life has heard nothing yet."""
        self._last = (0, 0)
        self._delivered.clear()
        return None

    def received(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """Trades of ours may be told in this frame."""
        if '"trade_id":"' in frame and '"channel":"trades.' not in frame:
            self._delivered.update(TRADE.findall(frame))
        return None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """What it says it knew."""
        number, at = self._last
        self._last = (step.number, step.at)
        if step.at > daemon.at or step.at < at:
            return f"step {step.number} is of {step.at}, after one of {at}, and it is {daemon.at}"
        if number and step.number != number + 1:
            return f"step {number} was followed by step {step.number}"
        for event in step.events:
            if event.at > step.at:
                return f"step {step.number} knows at {step.at} what is told at {event.at}: {event}"
            match event:
                case BookChanged() if event.venue_time > self.oracle.at:
                    return f"step {step.number} knows of a change of the book that has not happened: {event}"
                case OrderFilled() if event.trade_id not in self._delivered:
                    return f"step {step.number} knows of trade {event.trade_id}, which nobody has told it"
                case TradesReported():
                    for fill in event.fills:
                        if fill.trade_id not in self._delivered:
                            return f"step {step.number} knows of trade {fill.trade_id}, which nobody has told it"
                case _:
                    pass
        return None
