"""What each position is paid, or costs, when money moves without a fill."""

from collections.abc import Iterator
from copy import copy
from decimal import Decimal

from replenisher.exchange.accounts import rounded, value
from replenisher.exchange.board import Board
from replenisher.exchange.register import Register
from replenisher.exchange.timetable import Occasion
from replenisher.model.units import SECOND_NS

EIGHT_HOURS_NS = 8 * 3600 * SECOND_NS
RATE_STEP = Decimal("1e-10")  # of a funding rate that the market made


def payments(board: Board, register: Register, occasion: Occasion, at: int) -> Iterator[tuple[str, Decimal, Decimal]]:
    """Account, amount and the price at which its position is valued, for every position in an instrument.

    Funding: longs pay to shorts, or receive if the rate is negative, the rate of eight hours for as long as the
    interval, of the value at the mark. Settlement: what waits, and what closing at the mark would realize. Delivery:
    what waits, and what closing at the index would, or at the mark where there is no index. Nothing is paid while
    nobody knows a price.
    """
    name = board.instrument.name
    contract = register.contract(name)
    mark, index = board.marking.mark(at), board.marking.index
    price = index or mark if occasion is Occasion.DELIVERY else mark
    if not price:
        return
    rate = funding_rate(board, at)
    for account in register.holders(name):
        position = register.client(account).account.position(name)
        match occasion:
            case Occasion.FUNDING:
                paid = rounded(rate * value(contract, abs(position.size), price))
                amount = -paid if position.size > 0 else paid
            case Occasion.SETTLEMENT | Occasion.DELIVERY:
                amount = copy(position).settle(contract, price)
        if amount or occasion is Occasion.DELIVERY or (occasion is Occasion.SETTLEMENT and position.realized):
            yield account, amount, price


def funding_rate(board: Board, at: int) -> Decimal:
    """What longs pay to shorts for one interval, as a fraction of their position."""
    listing = board.listing
    rate = listing.funding_rate_8h
    if rate is None:
        rate = Decimal(board.marking.funding_8h(at)).quantize(RATE_STEP)
    return rate * listing.funding_every_ns / EIGHT_HOURS_NS
