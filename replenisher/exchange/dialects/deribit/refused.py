"""What the venue has and this exchange does not: methods, channels and error codes, each with the reason.

A method is refused in the venue's own words, a channel is left out of the answer to a subscription, and a code is never
the answer to anything.
"""

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

DROPPED: dict[str, str] = {
    "announcements": "nobody announces anything",
    "block_rfq.maker.quotes.{currency}": "there are no requests for quotes",
    "block_rfq.maker.{currency}": "there are no requests for quotes",
    "block_rfq.taker.{currency}": "there are no requests for quotes",
    "block_rfq.trades.{currency}": "there are no requests for quotes",
    "block_trade_confirmations": "there are no block trades",
    "block_trade_confirmations.{currency}": "there are no block trades",
    "deribit_price_ranking.{index_name}": "an index here has one source",
    "deribit_price_statistics.{index_name}": "the history of an index is not kept",
    "deribit_volatility_index.{index_name}": "there are no options",
    "estimated_expiration_price.{index_name}": "a delivery takes the index at its moment",
    "markprice.options.{index_name}": "there are no options",
    "rfq.{currency}": "there are no requests for quotes",
    "user.access_log": "logins are not logged",
    "user.combo_trades.{instrument_name}.{interval}": "there are no combos",
    "user.combo_trades.{kind}.{currency}.{interval}": "there are no combos",
    "user.lock": "nobody is ever locked",
}

NEVER: dict[str, dict[int, str]] = {
    "nothing inside this exchange is ever busy or broken, and no method is switched off": {
        10001: "error",
        10040: "retry",
        10047: "matching_engine_queue_full",
        10048: "not_on_this_server",
        10049: "cancel_on_disconnect_failed",
        10066: "too_many_concurrent_requests",
        11031: "other_error",
        11052: "subscribe_error_unsubscribed",
        11094: "internal_server_error",
        13008: "request_failed",
        13025: "method_switched_off_by_admin",
        13028: "temporarily_unavailable",
    },
    "another code says it: 13009 of a login, 10009 of funds, 13021 of a right, and of a parameter -32602 or its own": {
        10000: "authorization_required",
        10039: "not_enough_funds_in_currency",
        10006: "price_too_low4idx",
        10011: "price_not_allowed",
        10022: "invalid_quantity",
        10026: "price_precision_exceeded",
        11042: "permission_denied",
        11045: "invalid_event",
        13010: "value_required",
        13011: "value_too_short",
        13016: "invalid_input",
        13019: "orderbook_closed",
        -32700: "Parse error",
    },
    "requests are judged one by one, so none can overtake another": {
        13666: "request_cancelled_by_user",
        13777: "replaced",
    },
    "there is no portfolio margin": {
        10013: "pme_max_total_open_orders",
        10014: "pme_max_future_open_orders",
        10015: "pme_max_option_open_orders",
        10016: "pme_max_future_open_orders_size",
        10017: "pme_max_option_open_orders_size",
        10038: "pme_max_risk_reducing_orders",
    },
    "there are no options and no combos": {
        10037: "non_pme_total_short_options_positions_size",
        11037: "outdated_instrument_for_IV_order",
        11039: "no_adv_postonly",
        11046: "outdated_instrument",
        11048: "wrong_max_show_for_option",
        13035: "active_combo_limit_reached",
        13036: "unavailable_for_combo_books",
    },
    "there are no trigger orders: they are refused with 10033": {
        10034: "trigger_price_too_high",
        10035: "trigger_price_too_low",
        10044: "trigger_price_wrong_tick",
        11035: "no_more_triggers",
        11036: "invalid_trigger_price",
        13901: "no_more_oto_orders",
    },
    "nobody is liquidated or locked": {
        10045: "can_not_cancel_liquidation_order",
        10046: "can_not_edit_liquidation_order",
        11098: "account_locked",
    },
    "whoever asks for protection has it, and what it takes off may be placed anew": {
        13040: "mmp_required",
        13043: "quotes_frozen",
    },
    "orders and positions have no such limit": {
        10018: "non_pme_max_future_position_size",
        10072: "disabled_while_position_lock",
        11013: "max_spot_open_orders",
        11022: "max_spot_order_quantity",
    },
    "there are no wallets, transfers or profiles: their methods are refused with 13503 or 10033": {
        11053: "transfer_not_found",
        11090: "invalid_addr",
        11091: "invalid_transfer_address",
        11092: "address_already_exist",
        11093: "max_addr_count_exceeded",
        11095: "disabled_deposit_address_creation",
        11096: "address_belongs_to_user",
        11097: "no_deposit_address",
        12001: "too_many_subaccounts",
        12002: "wrong_subaccount_name",
        12004: "registration_over_limit",
        12005: "country_is_banned",
        12100: "transfer_not_allowed",
        12998: "security_key_authorization_over_limit",
        13005: "pwd_match_error",
        13006: "security_error",
        13013: "invalid_phone_number",
        13014: "cannot_send_sms",
        13015: "invalid_sms_code",
        13031: "verification_required",
        13034: "no_more_security_keys_allowed",
        13037: "incomplete_KYC_data",
        13780: "move_positions_over_limit",
        13781: "coupon_already_used",
        13791: "KYC_transfer_already_initiated",
        13792: "incomplete_KYC_data",
        13793: "KYC_data_inaccessible",
        13904: "security_key_setup_required",
    },
    "there are no block trades, requests for quotes or brokers": {
        13905: "too_many_quotes_per_block_rfq",
        13906: "too_many_quotes_per_block_rfq_side",
        13907: "not_fully_filled, too_many_open_block_rfqs",
        13911: "max_broker_client_count",
        13912: "broker_cannot_be_client",
        13913: "broker_already_linked",
        13914: "user_is_a_broker_client",
        13915: "user_is_not_a_broker",
        13916: "app_registered_to_broker",
        13917: "account_quote_limit_crossed",
        13918: "inverse_future_cross_trading",
        13919: "client_of_main_account",
    },
    "mass quotes are refused with 13902 before they are read": {
        13903: "too_many_quotes",
        13910: "quote_crossed",
    },
}
