"""The methods that look at what an account has: positions, money, the margin that an order would need."""

from collections.abc import Sequence

from replenisher.exchange.dialects.deribit.catalogue import SATOSHI
from replenisher.exchange.dialects.deribit.desk import Desk
from replenisher.exchange.dialects.deribit.errors import (
    INVALID_FOR_INSTRUMENT,
    UNAVAILABLE_IN_SUBACCOUNT,
    USER_NOT_FOUND,
    refuse,
    refuse_param,
)
from replenisher.exchange.dialects.deribit.market_data import CURRENCIES, instrument, instruments
from replenisher.exchange.dialects.deribit.methods import Call, Method, method
from replenisher.exchange.dialects.deribit.numbers import Shape, number
from replenisher.exchange.words import PositionView
from replenisher.model.instrument import Kind

OTHER_CURRENCIES = ("STETH", "ETHW", "SOL", "XRP", "USYC", "PAXG", "BNB", "USDE")


def get_position(desk: Desk, call: Call) -> Shape:
    """`private/get_position`."""
    held = instrument(desk, call)
    if held.kind is Kind.SPOT:
        refuse(INVALID_FOR_INSTRUMENT)
    return desk.shapes.position(desk.views.position(call.account, held.name), call.account)


def get_positions(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_positions`: those that are not flat."""
    check_subaccount(desk, call)
    chosen = [each for each in instruments(desk, call) if each.kind is not Kind.SPOT]
    positions = [desk.views.position(call.account, each.name) for each in chosen]
    return [desk.shapes.position(position, call.account) for position in positions if position.size]


def get_margins(desk: Desk, call: Call) -> Shape:
    """`private/get_margins`: what an order would hold on either side, and between which prices it would be taken."""
    amount, price = call.params.decimal("amount"), call.params.decimal("price")
    traded = instrument(desk, call)
    if amount <= 0 or price <= 0:
        refuse_param("amount" if amount <= 0 else "price", "value must be positive")
    held = number((traded.value(amount, price) / desk.views.max_leverage).quantize(SATOSHI))
    lowest, highest = desk.catalogue.price_band(traded.name)
    return {"buy": held, "sell": held, "min_price": number(lowest), "max_price": number(highest)}


def get_account_summary(desk: Desk, call: Call) -> Shape:
    """`private/get_account_summary` of one currency."""
    check_subaccount(desk, call)
    summary = _summary(desk, call, call.params.choice("currency", known_currencies(desk)))
    return _owner(desk, call) | summary if call.params.flag("extended") else summary


def get_account_summaries(desk: Desk, call: Call) -> Shape:
    """`private/get_account_summaries`: one for every currency that can be held here."""
    check_subaccount(desk, call)
    call.params.flag("extended")
    summaries = [_summary(desk, call, currency) for currency in desk.catalogue.currencies()]
    return _owner(desk, call) | {"summaries": summaries}


def get_subaccounts(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_subaccounts`: every account here is a main account without any below it."""
    owner = _owner(desk, call)
    shape: Shape = {member: owner[member] for member in ("email", "id", "login_enabled", "system_name", "type")} | {
        "username": owner["username"],
        "is_password": False,
        "margin_model": "segregated_sm",
        "receive_notifications": False,
        "security_keys_enabled": False,
        "security_keys_assignments": [],
    }
    if call.params.flag("with_portfolio"):
        shape["portfolio"] = {
            currency.lower(): desk.money.purse(
                desk.views.account(call.account, currency), _positions(desk, call, currency)
            )
            for currency in desk.catalogue.currencies()
        }
    return [shape]


def known_currencies(desk: Desk) -> tuple[str, ...]:
    """Those in which one may ask for money, whether anything here is worth any or not."""
    return (*CURRENCIES, *OTHER_CURRENCIES, *desk.catalogue.currencies())


def check_subaccount(desk: Desk, call: Call) -> None:
    """An account has none below it: the only one it can name is itself."""
    if "subaccount_id" not in call.params:
        return
    named = call.params.whole("subaccount_id")
    if named == desk.shapes.user_id(call.account):
        return
    refuse(UNAVAILABLE_IN_SUBACCOUNT if desk.shapes.is_user(named) else USER_NOT_FOUND)


def _summary(desk: Desk, call: Call, currency: str) -> Shape:
    return desk.money.summary(desk.views.account(call.account, currency), _positions(desk, call, currency), call.at)


def _positions(desk: Desk, call: Call, currency: str) -> Sequence[PositionView]:
    return desk.catalogue.positions(call.account, currency)


def _owner(desk: Desk, call: Call) -> Shape:
    return {
        "id": desk.shapes.user_id(call.account),
        "username": call.account,
        "system_name": call.account,
        "email": f"{call.account}@localhost",
        "type": "main",
        "creation_timestamp": 0,
        "login_enabled": False,
        "security_keys_enabled": False,
        "interuser_transfers_enabled": False,
        "block_rfq_self_match_prevention": False,
        "mmp_enabled": bool(desk.views.mmp_limits(call.account)),
        "referrer_id": None,
        "self_trading_reject_mode": desk.views.self_trading(call.account).mode,
        "self_trading_extended_to_subaccounts": desk.views.self_trading(call.account).extends_to_subaccounts,
    }


METHODS: dict[str, Method] = {
    "private/get_position": method(get_position, "instrument_name*", scope="trade:read"),
    "private/get_positions": method(get_positions, "currency kind subaccount_id", scope="trade:read"),
    "private/get_margins": method(get_margins, "instrument_name* amount* price*", scope="trade:read"),
    "private/get_account_summary": method(
        get_account_summary, "currency* subaccount_id extended", scope="account:read"
    ),
    "private/get_account_summaries": method(get_account_summaries, "subaccount_id extended", scope="account:read"),
    "private/get_subaccounts": method(get_subaccounts, "with_portfolio", scope="account:read"),
}
