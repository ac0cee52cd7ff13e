"""One row in several, of a table that may have millions: so what is read of it has an end.

A row is chosen by a number of its own, a time or a step, and by nothing else: who asks again is given the same ones,
by any database. Multiples of the golden ratio never fall into step with anything and lie evenly between whole numbers
(Knuth, The Art of Computer Programming 3, 6.4), so those whose fraction is small are few and spread evenly: over time,
and over whatever rhythm it was in which rows came.
"""

from sqlalchemy import ColumnElement

PRIME = 2**31 - 1
GOLDEN = 1_327_217_884  # of it, rounded; no product is larger than 64 bits


def one_in(count: int, number: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a row with this number is one of those that are read, where it is one in so many; of one in one, all."""
    return number % PRIME * GOLDEN % PRIME < PRIME // count
