"""Retailers: a Lightspeed account with its online stores, or an online store without one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pipelines import warehouse
from pipelines.sources.vendors import VENDORS

TILLHOUSE = "tillhouse"
"""Where raw tables bear the retailer's own number: what was published of it."""


@dataclass(frozen=True)
class Retailers:
    """The retailer of each vendor's account that the work file has rows of."""

    accounts: dict[tuple[str, int], int]

    def everyone(self) -> list[int]:
        return sorted(set(self.accounts.values()))

    def of(self, source: str, number: int) -> int:
        """The retailer of a vendor's account; a number that is no such account is the retailer's own."""
        return self.accounts.get((source, number), number)

    def raw_accounts(self, retailers: Collection[int]) -> dict[str, tuple[int, ...]]:
        """The account ids of *retailers* in raw tables, by vendor. Empty if *retailers* is empty."""
        if not retailers:
            return {}
        found: dict[str, list[int]] = {}
        for (source, number), retailer in sorted(self.accounts.items()):
            if retailer in retailers:
                found.setdefault(source, []).append(number)
        return {**{source: tuple(numbers) for source, numbers in found.items()}, TILLHOUSE: tuple(sorted(retailers))}


def read_retailers(work_file: Path) -> Retailers:
    """Every account of any raw table, with its retailer."""
    with warehouse.opened(work_file, read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_columns() where column_name = 'account_id' "
            "and list_contains($schemas, schema_name) order by all",
            {"schemas": [f"raw_{name}" for name in VENDORS]},
        ).fetchall()
        listed = " union ".join(
            f"select '{schema.removeprefix('raw_')}' as source, account_id from {schema}.{table}"
            for schema, table in tables
        )
        found = connection.execute(
            f"select found.source, found.account_id, coalesce(links.account_id, found.account_id) from ({listed}) as "
            "found left join raw_tillhouse.online_store as links on links.source = found.source and links.store_id = "
            "found.account_id where found.account_id is not null"
            if listed
            else "select '', 0, 0 where false"
        ).fetchall()
    return Retailers({(source, number): retailer for source, number, retailer in found})
