"""The comparison with Lightspeed's own totals: which days to ask for, what differs, how that is said and shown."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Group, RenderableType
from rich.table import Table

from pipelines import warehouse
from pipelines.errors import TillhouseError
from pipelines.settings import Settings

MART = f"{warehouse.MARTS}.reconciliation_daily"

NAMED_SALES = 20
SHOWN = 40
"""Differences that a table shows; --json has all of them."""

Days = dict[int, set[date]]
"""By account."""

_STALE_DAYS = """
with moments as (
    select account_id, complete_time as moment, _loaded_at from raw_lightspeed.sale where complete_time is not null
    union all
    select account_id, create_time, _loaded_at from raw_lightspeed.sale_payment where create_time is not null
),
days as (
    select account_id, cast(moment + hours * interval 1 hour as date) as day, max(_loaded_at) as loaded_at
    from moments cross join (values (-12), (0), (14)) as zones (hours)
    group by all
)
select days.account_id, days.day
from days
semi join (select account_id from raw_lightspeed.whole_read where table_name = 'sale') as read using (account_id)
left join raw_lightspeed.reported_day as reported
    on reported.account_id = days.account_id and reported.day = cast(days.day as varchar)
where reported.day is null or reported._loaded_at < days.loaded_at
"""
"""Days whose sales or payments are newer than their reports. What a zone makes of a moment is one of three days."""

_DAYS_BEFORE = """
select distinct facts.account_id, facts.day
from (
    select store_id as account_id, order_id, cast(completed_local_at as date) as day
    from marts.fct_orders where source = 'lightspeed'
    union all
    select store_id, order_id, cast(paid_local_at as date) from marts.fct_payments where source = 'lightspeed'
) as facts
join raw_lightspeed.sale
    on sale.account_id = facts.account_id and cast(sale.sale_id as varchar) = facts.order_id and sale._run_id = ?
"""
"""Days on which the last marts had what this run read again: what moved away changed them as well."""


@dataclass(frozen=True)
class Difference:
    """A row of reconciliation_daily that is neither equal nor explained."""

    account_id: int
    shop_id: int
    location_name: str
    business_date: date
    measure: str
    detail: str | None
    warehouse_amount: Decimal
    source_amount: Decimal
    sale_ids: str | None

    @property
    def sales(self) -> list[int]:
        return [int(part) for part in self.sale_ids.split(", ")] if self.sale_ids else []

    def __str__(self) -> str:
        kind = f" ({self.detail})" if self.detail else ""
        sales = f"sales in question: {self.sale_ids}" if self.sale_ids else "no sale here is in question"
        where = f"account {self.account_id}, {self.location_name} (shop {self.shop_id}), {self.business_date}"
        amounts = f"{self.warehouse_amount:.2f} here and {self.source_amount:.2f} by Lightspeed"
        return f"{where}: {self.measure}{kind} is {amounts}; {sales}"


def days_to_ask(work_file: Path, run_id: str, trailing: int, accounts: Iterable[int]) -> Days:
    """The days of each account that a run has touched, and the last *trailing* on which it traded."""
    days: Days = {account_id: set() for account_id in accounts}
    with warehouse.opened(work_file) as connection:
        found = connection.execute(_STALE_DAYS).fetchall()
        newest = "select account_id, cast(max(complete_time) as date) from raw_lightspeed.sale group by account_id"
        for account_id, day in connection.execute(newest).fetchall():
            found += [(account_id, day - timedelta(days=number)) for number in range(trailing) if day]
        if _has(connection, "fct_orders"):
            found += connection.execute(_DAYS_BEFORE, [run_id]).fetchall()
        complete = {
            account_id
            for (account_id,) in connection.execute(
                "select account_id from raw_lightspeed.whole_read where table_name = 'sale'"
            ).fetchall()
        }
    for account_id, day in found:
        if account_id in days and account_id in complete:
            days[account_id].add(day)
    return {account_id: wanted for account_id, wanted in days.items() if account_id in complete}


def unexplained(file: Path, tolerance: Decimal, *, without: Collection[int] = ()) -> list[Difference]:
    """What stops a publication, the largest difference first, *without* some accounts.

    The *tolerance* is one of money: a count of sales agrees or does not.
    """
    with warehouse.opened(file, read_only=True) as connection:
        if not _has(connection, "reconciliation_daily"):
            return []
        rows = connection.execute(
            "select account_id, shop_id, location_name, business_date, measure, detail, warehouse_amount, "
            f"source_amount, sale_ids from {MART} where status = 'unexplained' "
            "and abs(difference) > case when measure = 'sales_count' then 0 else ? end "
            "and not list_contains(?, account_id) "
            "order by abs(difference) desc, account_id, shop_id, business_date, measure, detail_id",
            [tolerance, list(without)],
        ).fetchall()
    return [Difference(*row) for row in rows]


def days_of(differences: list[Difference], counted_days: int) -> tuple[Days, dict[int, set[int]]]:
    """(the days, the sales) to be read again; a count that differs puts all the days of its window in question."""
    days: Days = defaultdict(set)
    sales: dict[int, set[int]] = defaultdict(set)
    for found in differences:
        width = counted_days if found.measure == "sales_count" else 1
        days[found.account_id] |= {found.business_date - timedelta(days=number) for number in range(width)}
        sales[found.account_id] |= set(found.sales)
    return days, sales


def sentence(differences: list[Difference]) -> str:
    """The first difference in full, and where the others are."""
    more = f"; {len(differences) - 1} more: `tillhouse reconcile`" if len(differences) > 1 else ""
    return f"{differences[0]}{more}"


def last_comparison(settings: Settings) -> dict[str, Any]:
    """What the last transform compared: counts, the readings that accounts follow, and every row that is no match."""
    file = next((file for file in (settings.work_file, settings.warehouse_file) if file.exists()), None)
    if file is None:
        raise TillhouseError("nothing has been compared yet: run `tillhouse run` first")
    with warehouse.opened(file, read_only=True) as connection:
        if not _has(connection, "reconciliation_daily"):
            raise TillhouseError(f"{file} has no comparison yet: run `tillhouse transform` first")
        statuses = _rows(
            connection,
            "select account_id, count(*) as compared, count(distinct business_date) as days, "
            "count(*) filter (status = 'match') as match, count(*) filter (status = 'explained') as explained, "
            f"count(*) filter (status = 'unexplained') as unexplained from {MART} group by all order by all",
        )
        readings = _rows(
            connection,
            f"select distinct account_id, measure, reading from {MART} where reading is not null order by all",
        )
        differences = _rows(
            connection,
            f"select * exclude (reading) from {MART} where status <> 'match' "
            "order by status desc, account_id, shop_id, business_date, measure, detail_id",
        )
    return {
        "file": str(file),
        "accounts": statuses,
        "readings": readings,
        "differences": differences,
        "blocking": [asdict(found) for found in unexplained(file, settings.tillhouse_reconcile_tolerance)],
    }


def view(found: dict[str, Any]) -> RenderableType:
    if not found["accounts"]:
        return "nothing is compared: no account's own reports could be read (see the mart data_quality)"
    shown = [
        {
            name: f"{row[name]:.2f}" if isinstance(row[name], Decimal) else row[name]
            for name in row
            if name not in {"shop_id", "detail_id"}
        }
        for row in found["differences"][:SHOWN]
    ]
    parts = [_table("Compared with Lightspeed's own totals", found["accounts"])]
    if found["readings"]:
        parts.append(_table("What its reports were found to mean", found["readings"]))
    if shown:
        parts.append(_table(_title(found["differences"]), shown))
    return Group(*(part for table in parts for part in (table, "")))


def _title(differences: list[dict[str, Any]]) -> str:
    counts = Counter(row["status"] for row in differences)
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"Differences: {said}" + (f" (the first {SHOWN})" if len(differences) > SHOWN else "")


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for name in rows[0]:
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    return table


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    result = connection.execute(sql)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _has(connection: duckdb.DuckDBPyConnection, mart: str) -> bool:
    sql = "select count(*) from information_schema.tables where table_schema = ? and table_name = ?"
    return bool(connection.execute(sql, [warehouse.MARTS, mart]).fetchall()[0][0])
