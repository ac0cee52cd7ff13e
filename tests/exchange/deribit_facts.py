"""What the venue has, by name: methods, channels and error codes, as its reference lists them."""


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


VENUE_METHODS = words("""
    public/auth private/logout public/hello public/set_heartbeat public/disable_heartbeat public/test
    public/get_time public/status private/enable_cancel_on_disconnect private/disable_cancel_on_disconnect
    private/get_cancel_on_disconnect public/subscribe private/subscribe public/unsubscribe private/unsubscribe
    public/unsubscribe_all private/unsubscribe_all public/get_instruments public/get_instrument
    public/get_currencies public/get_order_book public/ticker public/get_last_trades_by_instrument
    public/get_last_trades_by_instrument_and_time public/get_index_price public/get_book_summary_by_currency
    public/get_tradingview_chart_data public/get_funding_rate_history private/buy private/sell private/edit
    private/edit_by_label private/cancel private/cancel_all private/cancel_all_by_instrument
    private/cancel_all_by_currency private/cancel_all_by_currency_pair private/cancel_all_by_kind_or_type
    private/cancel_by_label private/cancel_quotes private/get_open_orders private/get_open_orders_by_instrument
    private/get_open_orders_by_currency private/get_open_orders_by_label private/get_order_state
    private/get_order_state_by_label private/get_order_history_by_instrument
    private/get_order_history_by_currency private/get_user_trades_by_order private/get_user_trades_by_instrument
    private/get_user_trades_by_instrument_and_time private/get_user_trades_by_currency
    private/get_user_trades_by_currency_and_time private/get_position private/get_positions
    private/get_account_summary private/get_account_summaries private/get_transaction_log
    private/get_subaccounts private/set_mmp_config private/get_mmp_config private/get_mmp_status
    private/reset_mmp private/mass_quote private/set_self_trading_config private/get_margins
""")
VENUE_CHANNELS = words("""
    book.{instrument_name}.{interval} book.{instrument_name}.{group}.{depth}.{interval}
    ticker.{instrument_name}.{interval} incremental_ticker.{instrument_name} quote.{instrument_name}
    trades.{instrument_name}.{interval} trades.{kind}.{currency}.{interval} perpetual.{instrument_name}.{interval}
    deribit_price_index.{index_name} deribit_volatility_index.{index_name} estimated_expiration_price.{index_name}
    markprice.options.{index_name} chart.trades.{instrument_name}.{resolution} instrument.state.{kind}.{currency}
    platform_state platform_state.public_methods_state user.orders.{instrument_name}.{interval}
    user.orders.{kind}.{currency}.{interval} user.trades.{instrument_name}.{interval}
    user.trades.{kind}.{currency}.{interval} user.changes.{instrument_name}.{interval}
    user.changes.{kind}.{currency}.{interval} user.portfolio.{currency} user.mmp_trigger.{index_name} user.lock
    user.access_log user.combo_trades.{instrument_name}.{interval} user.combo_trades.{kind}.{currency}.{interval}
""")
VENUE_CODES = words("""
    10000 10001 10002 10003 10004 10005 10006 10007 10009 10010 10011 10012 10013 10014 10015 10016 10017 10018
    10019 10020 10021 10022 10023 10024 10025 10026 10027 10028 10029 10030 10031 10032 10033 10034 10035 10036
    10037 10038 10039 10040 10041 10043 10044 10045 10046 10047 10048 10049 10066 10072 11008 11013 11021 11022
    11029 11030 11031 11035 11036 11037 11038 11039 11041 11042 11043 11044 11045 11046 11047 11048 11049 11050
    11051 11052 11053 11054 11055 11056 11090 11091 11092 11093 11094 11095 11096 11097 11098 12001 12002 12003
    12004 12005 12100 12998 13004 13005 13006 13007 13008 13009 13010 13011 13012 13013 13014 13015 13016 13018
    13019 13020 13021 13025 13028 13030 13031 13032 13034 13035 13036 13037 13040 13042 13043 13403 13503 13666
    13777 13778 13780 13781 13791 13792 13793 13888 13901 13902 13903 13904 13905 13906 13907 13907 13910 13911
    13912 13913 13914 13915 13916 13917 13918 13919
    -32600 -32601 -32602 -32700 -32000
""")
