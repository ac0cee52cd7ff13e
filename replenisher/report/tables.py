"""The report as tables, made of the value itself, so that no section can be forgotten or say another number.

A tuple of values is a table with a row for each. A value inside of a row adds columns, with a dot in their names. Where
fields of a row are tuples of numbers, as in a curve, the row becomes as many as there are numbers; a tuple of values in
it is a table of its own, whose rows begin with the cells of the row that they belong to. Elsewhere two numbers in a
tuple are from where to where. What is left, numbers that stand alone, is the table `report`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, get_args, get_origin

import msgspec

Numbers = Sequence[Any]
Cell = str | int | float | bool | Decimal | None


class Row(msgspec.Struct, frozen=True):
    """One row: cells by column, and where in the report each of them is."""

    cells: dict[str, Cell]
    places: dict[str, str]

    def __or__(self, other: "Row") -> "Row":
        """The cells of both."""
        return Row(self.cells | other.cells, self.places | other.places)


class Table(msgspec.Struct, frozen=True):
    """One section, or a part of one."""

    name: str  # of the fields that lead to it, with dots between
    rows: list[Row]

    @property
    def columns(self) -> list[str]:
        """Every column that any row has."""
        return list(dict.fromkeys(column for row in self.rows for column in row.cells))


def tables(report: msgspec.Struct) -> list[Table]:
    """All of them, in the order of the report's fields."""
    alone = Row({}, {})
    found = list(_tables(report, msgspec.to_builtins(report, builtin_types=(Decimal,)), "", alone))
    return [Table("report", [alone]), *found]


def names(report: type[msgspec.Struct], path: str = "") -> Iterator[str]:
    """Of every table that such a report may have, but for that of what stands alone."""
    for field in msgspec.structs.fields(report):
        below = f"{path}.{field.name}".lstrip(".")
        if get_origin(field.type) is not tuple:
            if _is_struct(field.type):
                yield from names(field.type, below)
        elif _is_struct(item := get_args(field.type)[0]):
            yield below
            yield from names(item, below)


def _tables(value: msgspec.Struct, plain: dict[str, Any], name: str, alone: Row) -> Iterator[Table]:
    for field in value.__struct_fields__:
        below, written, path = getattr(value, field), plain[field], f"{name}.{field}".lstrip(".")
        match below:
            case msgspec.Struct():
                yield from _tables(below, written, path, alone)
            case (msgspec.Struct(), *_):
                by_table: defaultdict[str, list[Row]] = defaultdict(list)
                for n, item in enumerate(written):
                    for table, row in _rows(item, path, f"{path}[{n}]", Row({}, {})):
                        by_table[table].append(row)
                yield from (Table(table, rows) for table, rows in by_table.items())
            case tuple() | dict():
                pass  # a section without a row
            case _:
                alone.cells[path], alone.places[path] = written, path


def _rows(item: dict[str, Any], table: str, place: str, before: Row) -> Iterator[tuple[str, Row]]:
    """The rows that one value is, each with the table it is in."""
    single, series, nested = Row({}, {}), dict[str, tuple[str, Numbers]](), dict[str, tuple[str, Numbers]]()
    is_curve = any(_is_tuple(value) and not _is_nested(value) for value in item.values())
    for column, at, value in _flat(item, "", place):
        if not _is_tuple(value):
            single.cells[column], single.places[column] = value, at
        elif _is_nested(value):
            nested[column] = (at, value)
        elif is_curve:
            series[column] = (at, value)
        else:
            for n, (end, number) in enumerate(zip(("from", "to"), value, strict=True)):
                single.cells[f"{column} {end}"], single.places[f"{column} {end}"] = number, f"{at}[{n}]"
    own = before | single
    if not series:
        yield table, own
    for n in range(max((len(values) for _, values in series.values()), default=0)):
        there = {column: (at, values[n]) for column, (at, values) in series.items()}
        cells, places = {c: value for c, (_, value) in there.items()}, {c: f"{at}[{n}]" for c, (at, _) in there.items()}
        yield table, own | Row(cells, places)
    for column, (at, values) in nested.items():
        for n, below in enumerate(values):
            yield from _rows(below, f"{table}.{column}", f"{at}[{n}]", own)


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _is_tuple(value: object) -> bool:
    return isinstance(value, list | tuple)


def _is_nested(value: Numbers) -> bool:
    return bool(value) and isinstance(value[0], dict)


def _flat(item: dict[str, Any], name: str, place: str) -> Iterator[tuple[str, str, Any]]:
    """Every value of a mapping, with its column and its place."""
    for key, value in item.items():
        if key.isidentifier():
            column, at = f"{name}.{key}".lstrip("."), f"{place}.{key}"
        else:  # not one of our fields, but something that is told by a name of its own
            column, at = f"{name} {key}", f'{place}["{key}"]'
        if isinstance(value, dict):
            yield from _flat(value, column, at)
        else:
            yield column, at, value
