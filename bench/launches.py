"""Several launches as one result: one program can be a tenth faster or slower by launch, for as long as it lives."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from bench.fingerprint import fingerprint


def over_launches(found: Sequence[Any]) -> Any:
    """One result of the same shape as each: numbers are medians, lists are joined, a hash is one of all hashes."""
    match found[0]:
        case dict():
            return {name: over_launches([each[name] for each in found]) for name in found[0]}
        case list():
            return [item for each in found for item in each]
        case str():
            return fingerprint("".join(found).encode())
        case _:
            return round(median(found), 4)
