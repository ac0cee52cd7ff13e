"""What stands above each table of the page, for a trader: what one line of it is, and in which unit."""

CAPTIONS = {
    "opening": "What was held when the time of this report began: positions, which count from this mid on, with what "
    "they were entered at on average, and cash, as the venue last told it before.",
    "pnl.lines": "What each strategy made on each instrument under each configuration, in the currency of the line. "
    "Funding goes to who held the position; external is what no strategy of ours did, and what was charged while "
    "nothing says to whom.",
    "pnl.totals": "What the account made in each currency, with what is open at the middle of the book. Booked is the "
    "same at average cost; unexplained is the difference, and anything but 0 is a fault of this report.",
    "halts": "When nothing was shown, by all or by one strategy, and why; with on_breach: reduce, only what reduces. "
    "What has no end still stands.",
    "lives": "When each life of the daemon began and how it ended: verified flat is that the venue had said that none "
    "of our orders rests. Of a life that was cut off only its beginning is known; one without an outcome goes on.",
    "performance": "Each strategy on each instrument under each configuration. P&L and drawdown, the deepest fall "
    "from a peak, are in the currency of the line, turnover in the quote currency; the Sharpe ratio is of a year of "
    "365 days. It and the turnover a day are of the time from the first move of that P&L to the last, half an hour at "
    "least.",
    "markouts": "How many of our maker fills each line is the mean of, and what they came to in the quote currency.",
    "markouts.points": "How far the others' mid had moved in our favour so long after the fill, in bps of our price, "
    "with one standard error. Missing are fills of which that mid is not known.",
    "spreads": "Spreads when we were filled, level by level, in bps of the others' mid: between our best bid and ask, "
    "between the others', and what takers paid us (effective).",
    "spreads.after": "What was left of the effective spread so long after the fill (realised), and what the market "
    "had moved against us by then (impact), in bps of the others' mid.",
    "latency": "From the news that made us requote to the venue's word that the order works, in ms; half of the "
    "requests took no longer than p50. A refill puts back what a fill has eaten.",
    "obligations": "In what part of the time in which the instrument traded each strategy showed what it owes, in %. "
    "Short are days and hours with less than is owed; a breach is a time in which it was not shown.",
    "resilience": "How books came back from sweeps, day by day (UTC): the share of what was taken that was back so "
    "long after, of depth within so many bps of the mid (0 is the touch), and the range that holds it with 95 %.",
}
