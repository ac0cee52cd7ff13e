"""replenisher keeps an order book stocked around fair value."""

__version__ = "0.1.0"
