"""Deribit, native on WebSocket."""
