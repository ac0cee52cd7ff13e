"""How far each venue has been tried: the one table that `list venues`, the README and `--accept-untested` go by."""

from replenisher.venues.ccxt.exchanges import TRAITS, Standing

STANDINGS: dict[str, Standing | dict[str, Standing]] = {
    "deribit": Standing.PROVED,
    "ccxt": {exchange: TRAITS[exchange].standing for exchange in sorted(TRAITS)},
}
