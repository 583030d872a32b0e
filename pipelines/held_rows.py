"""Rows that are set aside, for a person: which ones wait, and which of them may be missing."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from pipelines import project_files, publication, warehouse
from pipelines.errors import TillhouseError, UsageError
from pipelines.settings import Settings

MART = f"{warehouse.MARTS}.held_rows"
SEED = "accepted_held_rows"
SHOWN = ("source", "account_id", "table_name", "held_id", "shop_id", "business_date", "reason", "is_accepted")


def listing(settings: Settings) -> list[dict[str, Any]]:
    """Return every held row as it is published, by the columns of the mart; the newest first.

    Rows that a person accepted since then count as accepted. Raises TillhouseError if nothing is published yet.
    """
    with publication.reading(settings) as connection:
        if not warehouse.has_mart(connection, "held_rows"):
            raise TillhouseError(f"{settings.warehouse_file} has no held rows yet: run `tillhouse run` first")
        rows = warehouse.rows(connection, f"select * from {MART} order by business_date desc nulls first, held_id")
    accepted = {_key(row): row["reason"] for row in project_files.rows(settings, SEED)}
    return [
        {**row, "is_accepted": True, "accepted_reason": accepted[_key(row)]} if _key(row) in accepted else row
        for row in rows
    ]


def accept(settings: Settings, held_id: str, reason: str, *, account_id: int | None, table: str | None) -> Path:
    """Remember that the held row *held_id* may be missing, and return the file that says so.

    *account_id* and *table* choose among rows of one id. Raises UsageError unless exactly one row matches.
    """
    found = [
        row
        for row in listing(settings)
        if row["held_id"] == held_id
        and (account_id is None or account_id in {row["account_id"], row["store_id"]})
        and (table is None or table == row["table_name"])
    ]
    if not found:
        raise UsageError(f"no held row has the id {held_id!r}: `tillhouse held` lists them")
    if len(found) > 1:
        places = ", ".join(f"account {row['account_id']} {row['table_name']}" for row in found)
        raise UsageError(f"{len(found)} held rows have the id {held_id!r} ({places}): add --account or --table")
    [row] = found
    if row["is_accepted"]:
        raise UsageError(f"{held_id} is accepted already: {row['accepted_reason']}")
    facts = {name: str(row[name]) for name in ("source", "store_id", "table_name", "held_id")}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return project_files.add(settings, SEED, {**facts, "reason": reason, "accepted_at": at})


def waiting(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of *rows* that no person accepted."""
    return [row for row in rows if not row["is_accepted"]]


def view(rows: list[dict[str, Any]]) -> RenderableType:
    if not rows:
        return "no row is held"
    counts = Counter("accepted" if row["is_accepted"] else "waiting" for row in rows)
    title = "Held rows: " + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for name in SHOWN:
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in SHOWN))
    return table


def _key(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ("source", "store_id", "table_name", "held_id"))
