"""How an account's money looks on the wire: summaries, portfolios, subaccounts, the transaction log."""

from collections.abc import Sequence
from decimal import Decimal

from replenisher.exchange.dialects.deribit.catalogue import NOTHING, Catalogue, index_name
from replenisher.exchange.dialects.deribit.numbers import ZERO, Shape, number
from replenisher.exchange.dialects.deribit.settings import DeribitSettings
from replenisher.exchange.dialects.deribit.shapes import size_in_currency
from replenisher.exchange.views import Views
from replenisher.exchange.words import AccountView, PositionView

NO_OPTIONS: Shape = {
    "options_delta": ZERO,
    "options_gamma": ZERO,
    "options_gamma_map": {},
    "options_pl": ZERO,
    "options_session_rpl": ZERO,
    "options_session_upl": ZERO,
    "options_theta": ZERO,
    "options_theta_map": {},
    "options_value": ZERO,
    "options_vega": ZERO,
    "options_vega_map": {},
}
PURSE = (
    "additional_reserve",
    "spot_reserve",
    "available_funds",
    "available_withdrawal_funds",
    "balance",
    "equity",
    "initial_margin",
    "maintenance_margin",
    "margin_balance",
)


class MoneyShapes:
    """Turns cash and positions into what `json` can write."""

    def __init__(self, catalogue: Catalogue, views: Views, settings: DeribitSettings) -> None:
        self._catalogue = catalogue
        self._views = views
        self._settings = settings

    def portfolio(self, account: AccountView, positions: Sequence[PositionView]) -> Shape:
        """An account's cash in one currency with all that hangs on it.

        The balance is what settlements have left: equity is that, what the session has realized (`session_rpl`) and
        what its positions have gained in it (`session_upl`). Profit of the session cannot be taken away before it is
        settled. Nobody is ever liquidated.
        """
        held, deltas = NOTHING, dict[str, Decimal]()
        for position in positions:
            instrument = self._catalogue.instrument(position.instrument)
            mark = self._views.mark_price(instrument.name)
            held += self._catalogue.margins(account.account, position.instrument)[0]
            index = index_name(instrument)
            deltas[index] = deltas.get(index, NOTHING) + size_in_currency(instrument, position.size, mark)
        session = account.realized + account.unrealized
        realized, unrealized, total = number(account.realized), number(account.unrealized), number(account.total)
        equity, initial = number(account.balance + session), number(account.margin)
        maintenance, delta = number(held / 2), number(sum(deltas.values(), NOTHING))
        return {
            "currency": account.currency,
            "balance": number(account.balance),
            "equity": equity,
            "margin_balance": equity,
            "available_funds": number(account.available),
            "available_withdrawal_funds": number(account.available - max(session, NOTHING)),
            "initial_margin": initial,
            "projected_initial_margin": initial,
            "maintenance_margin": maintenance,
            "projected_maintenance_margin": maintenance,
            "session_upl": unrealized,
            "session_rpl": realized,
            "futures_pl": total,
            "futures_session_upl": unrealized,
            "futures_session_rpl": realized,
            "total_pl": total,
            "delta_total": delta,
            "projected_delta_total": delta,
            "delta_total_map": {index: number(value) for index, value in deltas.items()},
            "estimated_liquidation_ratio": ZERO,
            "estimated_liquidation_ratio_map": dict.fromkeys(deltas, ZERO),
            "fee_balance": ZERO,
            "spot_reserve": number(account.balance + session - account.margin - account.available),
            "additional_reserve": ZERO,
            "locked_balance": ZERO,
            "portfolio_margining_enabled": False,
            "cross_collateral_enabled": False,
            "margin_model": "segregated_sm",
            **NO_OPTIONS,
        }

    def summary(self, account: AccountView, positions: Sequence[PositionView], at: int) -> Shape:
        """The same with the rates and credits of the account."""
        limits, fees = _limits(self._settings, at), self._fees(account.currency)
        return self.portfolio(account, positions) | {"limits": limits, "fees": fees}

    def purse(self, account: AccountView, positions: Sequence[PositionView]) -> Shape:
        """The few members by which a list of subaccounts tells an account's cash in one currency."""
        whole = self.portfolio(account, positions)
        return {member: whole[member] for member in PURSE} | {"currency": account.currency.lower()}

    def _fees(self, currency: str) -> list[Shape]:
        return [
            {
                "value": {
                    "default": {
                        "type": "fixed",
                        "taker": number(view.taker_rate),
                        "maker": number(view.maker_rate),
                    },
                    "block_trade": ZERO,
                },
                "kind": str(view.instrument.kind),
                "index_name": index_name(view.instrument),
            }
            for view in self._views.instruments()
            if view.instrument.settlement_currency == currency
        ]


def _limits(settings: DeribitSettings, at: int) -> Shape:
    """The credits of an account, as its summary tells them."""
    granted = settings.granted(at)
    pool = {"rate": granted.per_s, "burst": granted.burst}
    nothing = {"rate": 0, "burst": 0}  # nobody is approved for mass quotes
    return {
        "limits_per_currency": False,
        "non_matching_engine": {"rate": settings.requests_per_s, "burst": settings.requests_burst},
        "matching_engine": {
            "trading": {"total": pool},
            "spot": pool,
            "quotes": nothing,
            "max_quotes": nothing,
            "guaranteed_quotes": nothing,
            "cancel_all": pool,
        },
    }
