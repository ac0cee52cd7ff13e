"""Deribit's JSON-RPC over WebSocket, as its clients see it."""

from replenisher.exchange.dialects.deribit.dialect import Deribit, DeribitSettings
from replenisher.exchange.dialects.deribit.login import ApiKey

__all__ = ["ApiKey", "Deribit", "DeribitSettings"]
