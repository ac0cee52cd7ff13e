"""Binance: market data only."""
