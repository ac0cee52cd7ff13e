"""The sources of prices over HTTP, as configured: the doctor asks them, and so does a desk before its first life."""

import asyncio
from collections.abc import Iterator, Mapping

from replenisher.config import Config
from replenisher.errors import ConfigurationError
from replenisher.live.http_price import HttpPrice, NoPrice, Rubbish
from replenisher.store.segments import segments
from replenisher.venues.doctor import Finding, Light


def price_sources(config: Config) -> list[HttpPrice]:
    """All that are configured."""
    return [
        HttpPrice(
            name=name,
            url=section.url,
            field=section.field,
            poll_s=section.poll_ms / 1000,
            timeout_s=section.timeout_ms / 1000,
        )
        for name, section in config.price_sources.items()
    ]


def require_prices(config: Config) -> None:
    """Refuse a source whose answer is no price: most likely its `url` or `field` is wrong.

    One that does not answer may do so later. And a desk that has traded begins in any case, because its orders are to
    be looked after; it shows nothing for as long as there is no price.
    """
    if segments(config.data_dir / "journal"):
        return
    for name, answer in _answers(config).items():
        if isinstance(answer, Rubbish):
            raise ConfigurationError(f"{config.where(('price_sources', name))}: price_sources.{name}: {answer}")


def about_price_sources(config: Config) -> Iterator[Finding]:
    """What each of them says now."""
    for name, answer in _answers(config).items():
        if isinstance(answer, float):
            yield Finding(about="price sources", check=name, light=Light.GREEN, found=f"it says {answer:,.10g}")
            continue
        is_rubbish = isinstance(answer, Rubbish)
        keys = f"price_sources.{name}.url and field" if is_rubbish else f"price_sources.{name}.url"
        yield Finding(
            about="price sources",
            check=name,
            light=Light.RED,
            found=str(answer),
            advice=f"check {keys}: nothing is quoted on a price that is not known",
            is_unreachable=not is_rubbish,
        )


def _answers(config: Config) -> Mapping[str, float | NoPrice]:
    """What they answer to one question, all of them asked at once."""
    sources = price_sources(config)

    async def ask() -> list[float | NoPrice]:
        return await asyncio.gather(*(_answer(source) for source in sources))

    return dict(zip((source.name for source in sources), asyncio.run(ask()), strict=True)) if sources else {}


async def _answer(source: HttpPrice) -> float | NoPrice:
    try:
        return await source.once()
    except NoPrice as reason:
        return reason
