"""Tardis: recordings of many venues, market data only."""
