"""Any exchange that ccxt knows, as a place to trade: a machine told ccxt's values, and a carrier that calls it."""
