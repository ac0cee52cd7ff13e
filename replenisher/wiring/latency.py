"""From the section `exchange.latency` to how long a message is under way."""

from collections.abc import Sequence

from replenisher.config.sections import ExchangeSection, FeedDelays, SampledDelays
from replenisher.exchange.latency import FeedLatency, Latency, LatencyModel, SampledLatency
from replenisher.exchange.market import Listing
from replenisher.wiring.listings import chance_of


def latency_of(section: ExchangeSection, listings: Sequence[Listing], seed: int) -> LatencyModel:
    """The model that is configured."""
    said = section.latency
    least = Latency(request_ms=said.request_ms, response_ms=said.response_ms)
    match said.model:
        case SampledDelays(sampled=measured):
            return SampledLatency(least, measured.request_ms, measured.response_ms, chance_of(f"{seed} latency"))
        case FeedDelays(feed=feed):
            recorded = next(listing.market for listing in listings if listing.market.source == "recorded")
            return FeedLatency(least, feed.request_times, feed.response_times, lambda: recorded.feed_ns)
        case _:
            return least
