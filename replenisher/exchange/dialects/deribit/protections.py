"""The methods by which an account protects itself: market maker protection, and what happens in a self-trade."""

from decimal import Decimal

from replenisher.exchange.dialects.deribit.desk import Desk
from replenisher.exchange.dialects.deribit.errors import INVALID_PARAMS, refuse, refuse_param
from replenisher.exchange.dialects.deribit.methods import Call, Method, method
from replenisher.exchange.dialects.deribit.numbers import Shape, milliseconds, number
from replenisher.exchange.dialects.deribit.params import Params
from replenisher.exchange.protection import MmpGroup, MmpLimits
from replenisher.exchange.selftrade import SelfTradeMode, SelfTrading
from replenisher.model.units import SECOND_NS

SECONDS_MAX = 3600
TRADES_MAX = 1000


def set_mmp_config(desk: Desk, call: Call) -> list[Shape]:
    """`private/set_mmp_config` answers what is in force now; an interval of 0 takes it away.

    The vega of what trades here is zero, so a limit to it changes nothing, and it is not kept.
    """
    params = call.params
    group = _group(desk, call)
    interval_s, frozen_s = (_seconds(params, name) for name in ("interval", "frozen_time"))
    limits = MmpLimits(
        interval_ns=interval_s * SECOND_NS,
        frozen_ns=frozen_s * SECOND_NS,
        quantity=_limit(params, "quantity_limit"),
        delta=_limit(params, "delta_limit"),
        trades=_trades(params),
    )
    if interval_s and limits.quantity is None and limits.delta is None and limits.trades is None:
        refuse(INVALID_PARAMS, {"reason": "at least one limit is required", "param": "quantity_limit"})
    desk.exchange.configure_mmp(group, limits, call.at)
    return [_config(group, limits)] if interval_s else []


def get_mmp_config(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_mmp_config`."""
    found = desk.views.mmp_limits(call.account)
    return [_config(group, limits) for group, limits in found.items() if _is_asked_for(call.params, group)]


def get_mmp_status(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_mmp_status`: the groups that are frozen."""
    frozen = desk.views.mmp_frozen(call.account, call.at)
    return [
        _named(group) | {"frozen_until": milliseconds(until)}
        for group, until in frozen.items()
        if _is_asked_for(call.params, group)
    ]


def reset_mmp(desk: Desk, call: Call) -> str:
    """`private/reset_mmp`."""
    desk.exchange.reset_mmp(_group(desk, call), call.at)
    return "ok"


def set_self_trading_config(desk: Desk, call: Call) -> str:
    """`private/set_self_trading_config`."""
    mode = SelfTradeMode(call.params.choice("mode", tuple(SelfTradeMode)))
    if "extended_to_subaccounts" not in call.params:
        refuse_param("extended_to_subaccounts", "value required")
    extends = call.params.flag("extended_to_subaccounts")
    desk.exchange.choose_self_trading(call.account, SelfTrading(mode, extends), call.at)
    return "ok"


def _group(desk: Desk, call: Call) -> MmpGroup:
    index = call.params.choice("index_name", desk.catalogue.index_names())
    return MmpGroup(call.account, index, call.params.text("mmp_group", default=""))


def _is_asked_for(params: Params, group: MmpGroup) -> bool:
    return params.text("index_name", default=group.index) == group.index and (
        params.text("mmp_group", default=group.name) == group.name
    )


def _seconds(params: Params, name: str) -> int:
    seconds = params.whole(name)
    if not 0 <= seconds <= SECONDS_MAX:
        refuse_param(name, "value not in range")
    return seconds


def _limit(params: Params, name: str) -> Decimal | None:
    if name not in params:
        return None
    limit = params.decimal(name)
    if limit <= 0:
        refuse_param(name, "value must be positive")
    return limit


def _trades(params: Params) -> int | None:
    if "trade_count_limit" not in params:
        return None
    trades = params.whole("trade_count_limit")
    if not 1 <= trades <= TRADES_MAX:
        refuse_param("trade_count_limit", "value not in range")
    return trades


def _config(group: MmpGroup, limits: MmpLimits) -> Shape:
    shape = _named(group) | {
        "interval": limits.interval_ns // SECOND_NS,
        "frozen_time": limits.frozen_ns // SECOND_NS,
        "block_rfq": False,
    }
    if limits.quantity is not None:
        shape["quantity_limit"] = number(limits.quantity)
    if limits.delta is not None:
        shape["delta_limit"] = number(limits.delta)
    if limits.trades is not None:
        shape["trade_count_limit"] = limits.trades
    return shape


def _named(group: MmpGroup) -> Shape:
    return {"index_name": group.index} | ({"mmp_group": group.name} if group.name else {})


_GROUP = "index_name mmp_group block_rfq-"
METHODS: dict[str, Method] = {
    "private/set_mmp_config": method(
        set_mmp_config,
        "index_name* interval* frozen_time* mmp_group quantity_limit delta_limit vega_limit max_quote_quantity*"
        " block_rfq- trade_count_limit",
        scope="trade:read_write",
    ),
    "private/get_mmp_config": method(get_mmp_config, _GROUP, scope="trade:read"),
    "private/get_mmp_status": method(get_mmp_status, _GROUP, scope="trade:read"),
    "private/reset_mmp": method(reset_mmp, "index_name* mmp_group block_rfq-", scope="trade:read_write"),
    "private/set_self_trading_config": method(
        set_self_trading_config,
        "mode* extended_to_subaccounts* block_rfq_self_match_prevention-",
        scope="account:read_write",
    ),
}
