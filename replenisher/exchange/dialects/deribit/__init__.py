"""Deribit's JSON-RPC over WebSocket and HTTP, as its clients see it."""

from replenisher.exchange.dialects.deribit.dialect import Deribit
from replenisher.exchange.dialects.deribit.login import ApiKey
from replenisher.exchange.dialects.deribit.settings import DeribitSettings

__all__ = ["ApiKey", "Deribit", "DeribitSettings"]
