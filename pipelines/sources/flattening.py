"""Nested answers of online stores to the flat rows that landing casts: one table of paths an entity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.columns import Kind
from pipelines.landing import RawTable

Node = Mapping[str, Any]


class LackingError(Exception):
    """A node came without *field*: taking that for none would delete rows."""

    def __init__(self, field: str, record_id: str = "") -> None:
        super().__init__(f"{field} is missing")
        self.field, self.record_id = field, record_id


@dataclass(frozen=True)
class FlatTable:
    """A raw table whose fields stand at *paths* of a node; a field without a path stands under its own name."""

    table: RawTable
    paths: Mapping[str, str] = field(default_factory=dict, hash=False)

    def row(self, node: Node) -> dict[str, Any]:
        return {
            column.field: _plain(_at(node, self.paths.get(column.field, column.field)), column.kind)
            for column in self.table.columns
        }

    def typed(self, below: str = "") -> Iterator[str]:
        """The paths of its numbers, flags and times, of nodes that are *below* a path of their row."""
        for column in self.table.columns:
            if column.kind not in {Kind.TEXT, Kind.JSON}:
                yield below + self.paths.get(column.field, column.field)

    def id(self, node: Node) -> int | None:
        """The node's own id, or None where it is not a number."""
        key = self.table.column(self.table.key)
        value = self.row(node)[key.field]
        return int(value) if str(value).isdigit() else None


def _at(node: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(node, Mapping):
            return None
        node = node.get(name)
    return node


def _plain(value: Any, kind: Kind) -> Any:
    """`gid://shopify/Order/7?…` is order 7."""
    if kind is Kind.INTEGER and isinstance(value, str) and value.startswith("gid://"):
        return value.partition("?")[0].rpartition("/")[2]
    return value
