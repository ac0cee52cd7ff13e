"""S12: a book that the daemon trusts is the exchange's own as of the same change, and never crossed."""

from decimal import Decimal

from replenisher.exchange.words import BookView
from replenisher.model.instrument import Instrument, name_of
from replenisher.model.step import Step
from replenisher.simulate.court import Check, Daemon, Objection, Oracle

EVERY = 50  # frames of a book; every snapshot is looked at besides
REMEMBERED_MAX = 100
BOOK = '"channel":"book.'


class TrustedBookIsTheirs(Check):
    """Remembers how the exchange's book looked now and then, and compares when the daemon gets there."""

    name = "S12"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._frames = 0
        self._views: dict[tuple[str, int], BookView] = {}  # by instrument and change

    def told(self, link: str, frame: str) -> Objection:
        """The exchange tells of a book."""
        if BOOK not in frame:
            return None
        self._frames += 1
        if self._frames % EVERY == 0 or '"type":"snapshot"' in frame:
            for key in self.oracle.instruments:
                view = self.oracle.exchange.views.book(name_of(key))
                self._views[key, view.change_id] = view
            while len(self._views) > REMEMBERED_MAX:
                del self._views[next(iter(self._views))]
        return None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """The daemon may have taken in all that it has heard; else it is looked at again after another step."""
        for key in self.oracle.instruments if self._views else ():
            change_id = daemon.change_id(key)
            view = None if change_id is None else self._views.pop((key, change_id), None)
            if view is not None and (objection := self._compare(daemon, key, view)) is not None:
                return objection
        return None

    def _compare(self, daemon: Daemon, key: str, view: BookView) -> Objection:
        book = daemon.book(key)
        listed = {each.instrument.key: each.instrument for each in self.oracle.exchange.views.instruments()}[key]
        for side, ours, theirs in (("bids", book.bids, view.bids), ("asks", book.asks, view.asks)):
            if ours.quantities != (wanted := _whole(theirs, listed)):
                wrong = sorted(set(ours.quantities.items()) ^ set(wanted.items()))[:4]
                return f"{key}: the {side} as of change {view.change_id} differ from the exchange's, as in {wrong}"
        return f"{key}: the book as of change {view.change_id} is crossed" if book.is_crossed else None


def _whole(levels: tuple[tuple[Decimal, Decimal], ...], instrument: Instrument) -> dict[int, int]:
    return {int(price / instrument.tick): instrument.lots(amount) for price, amount in levels}
