"""Mass quotes: the venue grants them to market makers one by one, and nobody here has asked."""

from typing import NoReturn

from replenisher.exchange.dialects.deribit.credits import Pool
from replenisher.exchange.dialects.deribit.desk import Desk
from replenisher.exchange.dialects.deribit.errors import COD_NOT_ENABLED, MASS_QUOTES_DISABLED, refuse
from replenisher.exchange.dialects.deribit.methods import Call, Method, method


def mass_quote(desk: Desk, call: Call) -> NoReturn:
    """`private/mass_quote` asks for cancel-on-disconnect first, as at the venue, and then refuses."""
    if not call.session.cancels_on_disconnect:
        refuse(COD_NOT_ENABLED)
    refuse(MASS_QUOTES_DISABLED)


def cancel_quotes(desk: Desk, call: Call) -> NoReturn:
    """`private/cancel_quotes`."""
    refuse(MASS_QUOTES_DISABLED)


METHODS: dict[str, Method] = {
    "private/mass_quote": method(
        mass_quote,
        "wait_for_response detailed quote_id* mmp_group* valid_until quotes*",
        scope="trade:read_write",
        pool=Pool.TRADING,
        only_socket=True,
        refuses_with=(COD_NOT_ENABLED, MASS_QUOTES_DISABLED),
    ),
    "private/cancel_quotes": method(
        cancel_quotes,
        "detailed freeze_quotes cancel_type* min_delta max_delta quote_set_id instrument_name kind currency"
        " currency_pair",
        scope="trade:read_write",
        pool=Pool.CANCEL_ALL,
        refuses_with=(MASS_QUOTES_DISABLED,),
    ),
}
