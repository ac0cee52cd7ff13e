"""What a venue can be asked about."""

from enum import StrEnum


class Topic(StrEnum):
    """What a question is about; the value is the command that asks it."""

    OPEN_ORDERS = "AskOpenOrders"
    ORDER = "AskOrder"
    TRADES = "AskTrades"
    POSITION = "AskPosition"
    CASH = "AskCash"
    BALANCE = "AskBalance"
