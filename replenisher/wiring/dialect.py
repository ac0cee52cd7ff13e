"""The settings of the simulated Deribit that a configuration asks for."""

from collections.abc import Iterable

from replenisher.config.sections import ExchangeSection
from replenisher.exchange.dialects.deribit.login import ApiKey
from replenisher.exchange.dialects.deribit.settings import DeribitSettings, Grant
from replenisher.model.units import SECOND_NS


def deribit_settings(section: ExchangeSection, keys: Iterable[ApiKey], at: int) -> DeribitSettings:
    """Those of an exchange that starts now."""
    rate, falls = section.rate, section.rate.falls
    return DeribitSettings(
        keys=tuple(keys),
        credits_per_s=rate.per_s,
        credits_burst=rate.burst,
        later=None if falls is None else Grant(at + round(falls.after_s * SECOND_NS), falls.per_s, falls.burst),
        token_s=section.token_s,
        order_reply_ms=section.latency.order_reply_ms,
        keeps_orders_when_shut=section.keeps_orders_when_shut,
    )
