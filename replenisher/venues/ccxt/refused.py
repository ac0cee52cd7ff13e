"""Why exchanges that ccxt has streams for are not traded on, where ccxt's own table of what it can does not say it.

What we place must carry a name of ours, or an order whose place was never answered could not be found again; and it
must be post-only in words that the exchange reads. Here is what stands against that, as seen in what ccxt sends.
"""

_NUMBERS = "an order's name there is a number, and ours are words"
_UUIDS = "an order's name there must be a UUID, and ours are shorter"
_NO_POST_ONLY = "through ccxt it takes no post-only orders, and we place no others"
_AS_IT_IS = "ccxt passes the name of an order and post-only on in words that are not the exchange's"

NOT_LOOKED_AT = "nobody has looked yet whether an order there can have a name of ours and be post-only"

REFUSED: dict[str, str] = {
    **dict.fromkeys(("backpack", "bitfinex", "bullish"), _NUMBERS),
    "coinbaseexchange": _UUIDS,
    **dict.fromkeys(("alpaca", "bittrade", "blockchaincom", "weex"), _NO_POST_ONLY),
    **dict.fromkeys(("coincheck", "coinone", "independentreserve", "luno", "p2b"), _AS_IT_IS),
    "apex": "an order there is signed with a seed, which a configuration cannot give",
    "bitrue": "ccxt says post-only of its contracts alone, so that an order on spot could take",
    "bitstamp": "ccxt does not say post-only in its words, so that an order could take",
    "bitvavo": "an order there needs an operatorId, which a configuration cannot give",
    "blofin": "ccxt writes post-only where the exchange does not look for it, so that an order could take",
    "coinbaseinternational": "an order there is placed in a portfolio, which a configuration cannot name",
    "hollaex": "ccxt has no word of the exchange's for an order's name",
    "htx": "ccxt makes a number of an order's name on its contracts, and ours are words",
    "lbank": "ccxt asks for its trades two days at a time, so that fills before a long absence would be missed",
    "onetrading": f"{_UUIDS}; and ccxt does not say post-only in its words",
}
