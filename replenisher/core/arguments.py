"""The words in which a strategy declares what it can be told: kinds of numbers, and a sentence about each."""

from decimal import Decimal
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.fields import FieldInfo

STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Amount = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


class WrongArgument(ValueError):
    """One argument of a strategy that is wrong only together with the others; the operator is told its key."""

    def __init__(self, key: str, objection: str) -> None:
        super().__init__(objection)
        self.key = key


def about(text: str) -> FieldInfo:
    """What a parameter is, for editors and for `replenisher list strategies`."""
    field: FieldInfo = Field(description=text)
    return field
