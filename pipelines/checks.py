"""Whose rows a failing test finds: its own query answers, with the shop, day, order and amounts where it knows them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from pipelines import warehouse
from pipelines.containment import Fault
from pipelines.retailers import Retailers
from pipelines.transformation import Failed

OWNERS = ("source", "store_id", "account_id")
"""Columns that name the account of a failing row."""

PLACES = {"shop_id": "shop ", "business_date": "", "order_id": "order "}
"""Columns that say where it is, and the word before each."""

SHOWN_KEYS = frozenset({"source", "currency", "measure", "kind", "version", "status", "local_hour", "date_basis"})
"""Columns of a key that are shown beside ids and dates. Others may hold a person's name."""

AMOUNTS_SHOWN = 4
"""A row with more amounts is one of a mart, not two figures that disagree."""


def faults(connection: duckdb.DuckDBPyConnection, failed: Failed, retailers: Retailers) -> list[Fault]:
    """Return a fault for each account that *failed* finds rows of, or one of no account.

    Raises duckdb.Error where the query cannot run.
    """
    columns = [name for name, *_ in connection.execute(f"describe {failed.sql}").fetchall()]
    if not {"store_id", "account_id"} & set(columns):
        return [Fault(None, _name(failed), failed.reason, is_difference=False)]
    rows = warehouse.rows(connection, _first_rows(failed.sql, columns))
    found: dict[int | None, Fault] = {}
    for row in rows:
        owner = _owner(row, retailers)
        places = sum(row.get(name) is not None for name in PLACES)
        fault = Fault(owner, _name(failed), _detail(row, failed), is_difference=not failed.generic, places=places)
        found.setdefault(owner, fault)
    return list(found.values())


def _first_rows(sql: str, columns: list[str]) -> str:
    """The first failing row of each owner, with the number of its failing rows."""
    owners = ", ".join(name for name in OWNERS if name in columns)
    order = ", ".join(f"{name} nulls last" for name in PLACES if name in columns) or "1"
    return (
        f"with failing as ({sql}), placed as (select *, count(*) over owner as failing_rows, "
        f"row_number() over (owner order by {order}) as failing_place from failing "
        f"window owner as (partition by {owners})) "
        f"select * exclude (failing_place) from placed where failing_place = 1 order by {owners}"
    )


def _owner(row: dict[str, Any], retailers: Retailers) -> int | None:
    """A mart's account is the retailer; where a row has no store beside it, it may be the vendor's own account."""
    number = row.get("account_id")
    if number is not None and (row.get("store_id") is not None or "source" not in row):
        return int(number)
    number = number if number is not None else row.get("store_id")
    return None if number is None else retailers.of(row.get("source") or "lightspeed", int(number))


def _detail(row: dict[str, Any], failed: Failed) -> str:
    told = [f"{word}{row[name]}" for name, word in PLACES.items() if row.get(name) is not None]
    told += _key(row, failed)
    amounts = (
        []
        if failed.generic
        else [name for name, value in row.items() if name.endswith("_amount") and isinstance(value, Decimal | None)]
    )
    where = ", ".join(told)
    if amounts and len(amounts) <= AMOUNTS_SHOWN:
        where += ": " if where else ""
        where += ", ".join(f"{name.removesuffix('_amount')} {_figure(row[name])}" for name in amounts)
    more = f" ({row['failing_rows']:,} rows)" if row["failing_rows"] > 1 else ""
    return f"{where or 'a row'}{more}"


def _key(row: dict[str, Any], failed: Failed) -> Iterator[str]:
    """The key that a generic test looks at; of a test of our own, all that it says beside the amounts."""
    known = {*OWNERS, *PLACES, "failing_rows"}
    for name in failed.columns or [name for name in row if not name.endswith("_amount")]:
        is_shown = not failed.generic or name in SHOWN_KEYS or name.endswith(("_id", "_date", "_day"))
        if is_shown and name not in known and row.get(name) is not None:
            yield f"{name} {_figure(row[name])}"


def _figure(value: object) -> str:
    match value:
        case None:
            return "none"
        case Decimal():
            return f"{value:.2f}"
        case date():
            return value.isoformat()
        case _:
            return str(value)


def _name(failed: Failed) -> str:
    """The check as a person finds it in the project; a description that says what to do says it here too."""
    name = f"{failed.generic} of {failed.of_model}" if failed.generic else failed.name
    return f"{name} ({failed.description})" if failed.description else name
