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

from pipelines import decided, publication, warehouse
from pipelines.errors import UsageError
from pipelines.settings import Settings

MART = f"{warehouse.MARTS}.reconciliation_daily"

NAMED_SALES = 20
SHOWN = 40
"""Differences that a table shows; --json has all of them."""

Days = dict[int, set[date]]
"""By account."""

READINGS = f"{warehouse.MARTS}.reconciliation_readings"

HEALED = "raw_tillhouse.healed_difference"
"""Differences whose days were fetched again once; the same amount is not looked into twice."""

DIFFERENCE = "account_id, shop_id, business_date, measure, detail_id, difference"
"""The key of a remembered difference."""

_STALE_DAYS = """
with moments as (
    select account_id, complete_time as moment, _loaded_at from raw_lightspeed.sale where complete_time is not null
    union all
    select account_id, create_time, _loaded_at from raw_lightspeed.sale_payment where create_time is not null
    union all
    select account_id, create_time, _loaded_at from raw_lightspeed.sale
    where create_time is not null and list_contains(?, account_id)
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
"""Days whose sales or payments are newer than their reports. What a zone makes of a moment is one of three days.

The day on which a sale began counts for accounts whose reports date by it.
"""

_DATED_BY_BEGINNING = "select distinct account_id from raw_tillhouse.published_reading where day_event = 'begun'"

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
    """A row of reconciliation_daily that is unexplained."""

    account_id: int
    shop_id: int
    location_name: str
    business_date: date
    measure: str
    detail: str | None
    detail_id: int
    warehouse_amount: Decimal
    source_amount: Decimal
    difference: Decimal
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
        begun = []
        if warehouse.has_table(connection, "raw_tillhouse", "published_reading"):
            begun = [account_id for (account_id,) in connection.execute(_DATED_BY_BEGINNING).fetchall()]
        found = connection.execute(_STALE_DAYS, [begun]).fetchall()
        newest = "select account_id, cast(max(complete_time) as date) from raw_lightspeed.sale group by account_id"
        for account_id, day in connection.execute(newest).fetchall():
            found += [(account_id, day - timedelta(days=number)) for number in range(trailing) if day]
        if warehouse.has_mart(connection, "fct_orders"):
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


def unexplained(file: Path, *, without: Collection[int] = ()) -> list[Difference]:
    """Return what is unexplained under a proven reading, the largest difference first, *without* some accounts."""
    with warehouse.opened(file, read_only=True) as connection:
        return _unexplained(connection, without) if warehouse.has_mart(connection, "reconciliation_daily") else []


def _unexplained(connection: duckdb.DuckDBPyConnection, without: Collection[int]) -> list[Difference]:
    rows = connection.execute(
        "select account_id, shop_id, location_name, business_date, measure, detail, detail_id, warehouse_amount, "
        f"source_amount, difference, sale_ids from {MART} where status = 'unexplained' "
        "and not list_contains(?, account_id) "
        "order by abs(difference) desc, account_id, shop_id, business_date, measure, detail_id",
        [list(without)],
    ).fetchall()
    return [Difference(*row) for row in rows]


def worth_healing(work_file: Path, *, without: Collection[int] = ()) -> list[Difference]:
    """Return what is unexplained, of accounts with a proof, and was not fetched again before for the same amount."""
    found = unexplained(work_file, without=without)
    with warehouse.opened(work_file) as connection:
        _ensure_healed(connection)
        known = set(connection.execute(f"select {DIFFERENCE} from {HEALED}").fetchall())
        proven = {
            row[0]
            for row in connection.execute(
                f"select account_id from {READINGS} where is_followed and standing = 'proven'"
            ).fetchall()
        }
    return [one for one in found if one.account_id in proven and _key(one) not in known]


def remember_healed(work_file: Path, differences: Iterable[Difference]) -> None:
    """Write down that the days of *differences* are fetched again."""
    with warehouse.opened(work_file) as connection:
        _ensure_healed(connection)
        connection.executemany(f"insert into {HEALED} values (?, ?, ?, ?, ?, ?)", [_key(one) for one in differences])


def _ensure_healed(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        f"create table if not exists {HEALED} (account_id bigint, shop_id bigint, business_date date, "
        "measure varchar, detail_id bigint, difference decimal(18, 4))"
    )


def _key(one: Difference) -> tuple[Any, ...]:
    return one.account_id, one.shop_id, one.business_date, one.measure, one.detail_id, one.difference


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
    """Return what is published of the comparison: counts, readings, and every row that is no match."""
    with publication.reading(settings) as connection:
        statuses = warehouse.rows(
            connection,
            "select account_id, count(*) as compared, count(distinct business_date) as days, "
            "count(*) filter (status = 'match') as match, count(*) filter (status = 'explained') as explained, "
            "count(*) filter (status = 'rounding') as rounding, "
            f"count(*) filter (status = 'unexplained') as unexplained from {MART} group by all order by all",
        )
        readings = warehouse.rows(
            connection,
            "select account_id, measure, standing, days_compared, days_matched, days_agreed, reading "
            f"from {READINGS} where is_followed order by all",
        )
        tried = tried_readings(connection)
        differences = warehouse.rows(
            connection,
            f"select * exclude (reading, n, bound, smallest_amount) from {MART} "
            "where difference <> 0 order by status = 'unexplained' desc, status, "
            "account_id, shop_id, business_date, measure, detail_id",
        )
        unexplained_rows = _unexplained(connection, ())
    return {
        "file": str(settings.warehouse_file),
        "accounts": statuses,
        "readings": readings,
        "tried": tried,
        "differences": differences,
        "unexplained": [asdict(found) for found in unexplained_rows],
    }


def tried_readings(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the readings tried of measures that are reported and not proven, the nearest first."""
    if not warehouse.has_mart(connection, "reconciliation_readings"):
        return []
    return warehouse.rows(
        connection,
        "select readings.account_id, readings.measure, followed.standing, readings.reading, readings.days_agreed, "
        f"readings.days_compared from {READINGS} as readings "
        f"join {READINGS} as followed using (account_id, measure) "
        "where followed.is_followed and followed.standing in ('likely', 'not_proven') "
        "order by readings.account_id, readings.measure, not readings.is_followed, "
        "readings.days_agreed / greatest(readings.days_compared, 1) desc, readings.reading",
    )


def unproven_measures(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return each account's measures without a proof: standing, and the readings tried, the nearest first."""
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for row in tried_readings(connection):
        key = row["account_id"], row["measure"]
        about = {"account_id": key[0], "measure": key[1], "standing": row["standing"], "tried": []}
        tried = {name: row[name] for name in ("reading", "days_agreed", "days_compared")}
        found.setdefault(key, about)["tried"].append(tried)
    return list(found.values())


def accept(
    settings: Settings, day: date, shop_id: int, reason: str, *, account_id: int | None, measure: str | None
) -> tuple[Path, list[dict[str, Any]]]:
    """Accept the published differences of a shop's day for *reason*; return the file of acceptances and these.

    Raises UsageError where there is none, or where more than one account has them and *account_id* is not given.
    """
    with publication.reading(settings) as connection:
        found = warehouse.rows(
            connection,
            f"select location_name, detail, warehouse_amount, source_amount, {DIFFERENCE} from {MART} "
            "where status in ('unexplained', 'before_proof') and business_date = $day and shop_id = $shop "
            "and account_id = coalesce($account, account_id) and measure = coalesce($measure, measure) order by all",
            {"day": day, "shop": shop_id, "account": account_id, "measure": measure},
        )
    if not found:
        raise UsageError(f"shop {shop_id} has no difference on {day} to accept: `tillhouse reconcile` lists them")
    if len(accounts := {row["account_id"] for row in found}) > 1:
        raise UsageError(f"--account is needed: accounts {', '.join(map(str, sorted(accounts)))} differ there")
    return decided.accept(settings, found, reason), found


def unprove(settings: Settings, account_id: int) -> Path:
    """Take back every proof of *account_id*; return the file that says so. Raises UsageError for an unknown account."""
    with publication.reading(settings) as connection:
        found = connection.execute(f"select distinct account_id from {READINGS} order by account_id").fetchall()
    if account_id not in (known := [account for (account,) in found]):
        listed = ", ".join(map(str, known)) or "none"
        raise UsageError(f"account {account_id} has no report that was compared; these have: {listed}")
    return decided.unprove(settings, account_id)


def view(found: dict[str, Any]) -> RenderableType:
    if not found["accounts"]:
        return "nothing is compared: no account's own reports could be read (see the mart data_quality)"
    hidden = {"shop_id", "detail_id", "is_proven"}
    shown = [
        {
            name: f"{row[name]:.2f}" if isinstance(row[name], Decimal) else row[name]
            for name in row
            if name not in hidden
        }
        for row in found["differences"][:SHOWN]
    ]
    parts = [_table("Compared with Lightspeed's own totals", found["accounts"])]
    if found["readings"]:
        parts.append(_table("What its reports are read to mean", found["readings"]))
    if found["tried"]:
        parts.append(_table("Readings tried where none is proven", found["tried"]))
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
