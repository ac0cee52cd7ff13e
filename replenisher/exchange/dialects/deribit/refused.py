"""The methods that the venue has and this exchange does not: each is refused in the venue's own words."""

from replenisher.exchange.dialects.deribit.errors import NOT_IMPLEMENTED, UNAVAILABLE

_WHY: dict[tuple[int, str], str] = {
    (UNAVAILABLE, "money comes and goes only by trading"): """
        private/add_to_address_book private/cancel_transfer_by_id private/cancel_withdrawal
        private/create_deposit_address private/delete_address_beneficiary private/get_address_beneficiary
        private/get_address_book private/get_current_deposit_address private/get_deposits private/get_transfers
        private/get_withdrawals private/list_address_beneficiaries private/list_custody_accounts
        private/remove_from_address_book private/save_address_beneficiary private/set_clearance_originator
        private/submit_transfer_between_subaccounts private/submit_transfer_to_subaccount
        private/submit_transfer_to_user private/update_in_address_book private/withdraw
    """,
    (NOT_IMPLEMENTED, "keys and accounts are the operator's, in the configuration"): """
        private/change_api_key_name private/change_margin_model private/change_scope_in_api_key
        private/change_subaccount_name private/create_api_key private/create_subaccount private/disable_api_key
        private/edit_api_key private/enable_affiliate_program private/enable_api_key private/get_access_log
        private/get_affiliate_program_info private/get_email_language private/get_new_announcements
        private/get_subaccounts_details private/get_user_locks private/list_api_keys private/remove_api_key
        private/remove_subaccount private/reset_api_key private/set_announcement_as_read
        private/set_disabled_trading_products private/set_email_for_subaccount private/set_email_language
        private/toggle_notifications_from_subaccount private/toggle_subaccount_login public/exchange_token
        public/fork_token public/get_announcements
    """,
    (NOT_IMPLEMENTED, "there are no block trades, requests for quotes or brokers"): """
        private/accept_block_rfq private/add_block_rfq_quote private/approve_block_trade
        private/cancel_all_block_rfq_quotes private/cancel_block_rfq private/cancel_block_rfq_quote
        private/cancel_block_rfq_trigger private/create_block_rfq private/edit_block_rfq_quote
        private/execute_block_trade private/get_block_rfq_makers private/get_block_rfq_quotes
        private/get_block_rfq_user_info private/get_block_rfqs private/get_block_trade
        private/get_block_trade_requests private/get_block_trades private/get_broker_trade_requests
        private/get_broker_trades private/get_pending_block_trades private/invalidate_block_trade_signature
        private/reject_block_trade private/send_rfq private/simulate_block_trade private/trade_block_rfq
        private/verify_block_trade public/get_block_rfq_trades public/get_rfqs
    """,
    (NOT_IMPLEMENTED, "there are no options and no combos"): """
        private/create_combo private/get_leg_prices public/get_combo_details public/get_combo_ids public/get_combos
        public/get_historical_volatility public/get_mark_price_history public/get_volatility_index_data
    """,
    (NOT_IMPLEMENTED, "there is no portfolio margin, and no position moves without a trade"): """
        private/get_order_margin_by_ids private/move_positions private/pme/simulate private/simulate_portfolio
    """,
    (NOT_IMPLEMENTED, "there are no trigger orders"): "private/get_trigger_order_history",
    (NOT_IMPLEMENTED, "another method does it"): """
        private/close_position public/get_expirations public/get_funding_chart_data public/get_index
        public/get_order_book_by_instrument_id public/get_supported_index_names public/get_trade_volumes
    """,
    (NOT_IMPLEMENTED, "no currency bears interest"): "public/get_apr_history",
    (NOT_IMPLEMENTED, "settlements are told by the transaction log"): """
        private/get_settlement_history_by_currency private/get_settlement_history_by_instrument
        public/get_delivery_prices public/get_last_settlements_by_currency public/get_last_settlements_by_instrument
    """,
}

REFUSED: dict[str, tuple[int, str]] = {name: why for why, names in _WHY.items() for name in names.split()}
