"""Who is told what happens on an exchange, in the order in which it does.

A dialect wants it in the venue's own numbers, and asks for it (`Reports`). Whoever counts in ticks and lots himself is
told as it happens, and no number is spelled out for him.
"""

from typing import Protocol

from replenisher.exchange.board import Board
from replenisher.exchange.market import Happening, Traded
from replenisher.exchange.words import AccountUpdate, CashMove, InstrumentChanged, MmpTriggered, Report


class Told(Protocol):
    """Hears everything once."""

    def printed(self, board: Board, traded: Traded, trade_id: str, at: int) -> None:
        """A trade became public."""

    def moved(self, board: Board, happening: Happening, change_id: int, at: int) -> bool:
        """New quantities at some levels; whether the public sees another book, which is a change of that number."""

    def lost(self, board: Board, change_id: int, at: int) -> None:
        """The book is out of sight until it is found: a change of that number, after one that nobody was told."""

    def report(self, report: AccountUpdate | InstrumentChanged | MmpTriggered | CashMove) -> None:
        """Something that is not the public's book, nor a print."""


class Reports:
    """Keeps all of it, in decimals, until somebody asks."""

    def __init__(self) -> None:
        self._reports: list[Report] = []

    def take(self) -> list[Report]:
        """What happened since the last call; the list is the caller's."""
        reports, self._reports = self._reports, []
        return reports

    def printed(self, board: Board, traded: Traded, trade_id: str, at: int) -> None:
        """A trade became public."""
        self._reports.append(board.print(traded, trade_id, at))

    def moved(self, board: Board, happening: Happening, change_id: int, at: int) -> bool:
        """New quantities at some levels; whether the public sees another book."""
        update = board.change(happening.levels, change_id, at, finds=happening.found)
        if update is None:
            return False
        self._reports.append(update)
        return True

    def lost(self, board: Board, change_id: int, at: int) -> None:
        """The book is out of sight until it is found."""
        self._reports.append(board.lose(change_id, at))

    def report(self, report: AccountUpdate | InstrumentChanged | MmpTriggered | CashMove) -> None:
        """Something that is not the public's book, nor a print."""
        self._reports.append(report)
