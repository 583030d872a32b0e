"""How a vendor's fields become typed columns: one table of facts an entity, shared by every vendor."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_WORD = re.compile(r"([A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+)")


class Kind(Enum):
    """What a column holds; the value is its DuckDB type."""

    INTEGER = "BIGINT"
    TEXT = "VARCHAR"
    MONEY = "DECIMAL(18,4)"
    EXACT = "DECIMAL(28,10)"
    """An unrounded amount or a rate: a line's tax has seven decimals and more, and only exact sums tie to headers."""
    FLAG = "BOOLEAN"
    TIME = "TIMESTAMP WITH TIME ZONE"
    JSON = "JSON"


@dataclass(frozen=True)
class Column:
    """One field of an entity and the column it becomes."""

    field: str
    kind: Kind
    aliases: tuple[str, ...] = ()
    """Other spellings the API uses for the same field; the first one present wins."""

    @property
    def name(self) -> str:
        return snake_case(self.field)

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field, *self.aliases)


def snake_case(field: str) -> str:
    """`calcFIFOCost` becomes `calc_fifo_cost`, as dlt names it (a test holds the two together)."""
    return "_".join(word.lower() for word in _WORD.findall(field))


def columns(
    *,
    ids: str = "",
    text: str = "",
    counts: str = "",
    money: str = "",
    exact: str = "",
    flags: str = "",
    times: str = "",
    json: str = "",
) -> tuple[Column, ...]:
    """Fields by kind, in the order every table keeps; `a|b` says that b is another spelling of a."""
    by_kind = (
        (Kind.INTEGER, ids),
        (Kind.TEXT, text),
        (Kind.INTEGER, counts),
        (Kind.MONEY, money),
        (Kind.EXACT, exact),
        (Kind.FLAG, flags),
        (Kind.TIME, times),
        (Kind.JSON, json),
    )
    spelled = [(kind, spelling.split("|")) for kind, fields in by_kind for spelling in fields.split()]
    return tuple(Column(field, kind, tuple(aliases)) for kind, (field, *aliases) in spelled)
