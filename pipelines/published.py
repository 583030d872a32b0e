"""What people were last told, put beside the raw rows before the models run: late truth shows by comparing with it.

It is read from `memory.duckdb`, the private copy of the published file, and follows each account: one that is withheld
is compared with the night it was last published on. A run that is killed, or done twice before it publishes, compares
with the same figures again; a work file that is lost loses nothing that was seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines import warehouse

AMOUNT = "DECIMAL(38,4)"
TIME = "TIMESTAMP WITH TIME ZONE"

ORDER_AMOUNTS = """
transactions units_sold units_returned gross_amount discount_amount return_amount net_amount tax_amount total_amount
cost_amount margin_amount item_fee_amount tip_amount
""".split()  # noqa: SIM905 - a list of words reads better as one

VERSION = f"version BIGINT, valid_from {TIME}, valid_to {TIME}, is_current BOOLEAN, modified_at {TIME}"
"""What every history of a dimension has beside its keys and what it tells."""

TOUCHED = "(select account_id, cast(sale_id as varchar) as order_id from raw_tillhouse.touched_sale) as touched"


@dataclass(frozen=True)
class Remembered:
    """A table of raw_tillhouse, its columns, the marts that it is taken from, and how."""

    name: str
    columns: str
    needs: tuple[str, ...]
    sql: str


def _history(name: str, mart: str, columns: str) -> Remembered:
    """The versions of *mart* as they were told."""
    return Remembered(name, f"{columns}, {VERSION}", (mart,), f"select * from told.{mart}")


REMEMBERED = (
    # An account that was withheld, or whose sales failed, was published as of an earlier night.
    Remembered(
        "published_read",
        f"account_id BIGINT, read_at {TIME}, first_date DATE",
        ("published_accounts", "revenue_by_location_daily"),
        """
        with days as (
            select account_id, min(business_date) as first_date from told.revenue_by_location_daily group by account_id
        )
        select account_id, read_at, first_date from told.published_accounts join days using (account_id)
        where read_at is not null
        """,
    ),
    Remembered(
        "published_measure",
        "account_id BIGINT, shop_id BIGINT, business_date DATE, measure VARCHAR, payment_type_id BIGINT, "
        f"amount {AMOUNT}",
        ("revenue_by_location_daily", "fct_payments"),
        """
        select account_id, shop_id, business_date, measure, 0 as payment_type_id, amount
        from (
            from told.revenue_by_location_daily unpivot (amount for measure in (
                columns(lambda name: name not like '%reporting%' and name not like 'exchange_rate%' and name not in (
                    'account_id', 'shop_id', 'location_name', 'time_zone', 'currency', 'business_date', 'is_complete',
                    'reconciliation_status'
                ))
            ))
        )
        union all by name
        select account_id, shop_id, business_date, 'payments' as measure,
            coalesce(payment_type_id, 0) as payment_type_id, sum(amount) as amount
        from told.fct_payments where source = 'lightspeed' group by all
        """,
    ),
    Remembered(
        "touched_sale",
        "account_id BIGINT, sale_id BIGINT",
        ("published_accounts",),
        """
        select distinct sale.account_id, sale.sale_id
        from raw_lightspeed.sale as sale left join told.published_accounts as told_accounts using (account_id)
        where split_part(sale._run_id, '-', 1) > coalesce(split_part(told_accounts.run_id, '-', 1), '')
        """,
    ),
    Remembered(
        "published_order",
        "account_id BIGINT, order_id VARCHAR, shop_id BIGINT, business_date DATE, lines BIGINT, "
        + ", ".join(f"{name} {AMOUNT}" for name in ORDER_AMOUNTS),
        ("fct_orders", "fct_sales_events"),
        f"""
        with orders as (
            select * from told.fct_orders semi join {TOUCHED} using (account_id, order_id) where source = 'lightspeed'
        ),
        events as (
            select account_id, order_id, count(*) as lines
            from told.fct_sales_events semi join {TOUCHED} using (account_id, order_id)
            where source = 'lightspeed' and event_type <> 'rounding' group by all
        )
        select account_id, order_id, shop_id, business_date, coalesce(lines, 0) as lines, {", ".join(ORDER_AMOUNTS)}
        from orders left join events using (account_id, order_id)
        """,
    ),
    Remembered(
        "published_order_payment",
        "account_id BIGINT, order_id VARCHAR, shop_id BIGINT, business_date DATE, payment_type_id BIGINT, "
        f"amount {AMOUNT}",
        ("fct_payments",),
        f"""
        select account_id, order_id, shop_id, business_date, coalesce(payment_type_id, 0) as payment_type_id,
            sum(amount) as amount
        from told.fct_payments semi join {TOUCHED} using (account_id, order_id)
        where source = 'lightspeed' group by all
        """,
    ),
    Remembered(
        "published_restatement",
        "account_id BIGINT, shop_id BIGINT, location_name VARCHAR, currency VARCHAR, business_date DATE, "
        f"measure VARCHAR, was_amount {AMOUNT}, is_amount {AMOUNT}, difference {AMOUNT}, reason VARCHAR, "
        f"sales BIGINT, sale_ids VARCHAR, seen_at {TIME}, run_id VARCHAR",
        ("restatements",),
        "select * from told.restatements",
    ),
    # A reading that was proven stays, and so does what differed before it was.
    Remembered(
        "published_reading",
        "account_id BIGINT, measure VARCHAR, amount_key VARCHAR, rounding_level VARCHAR, rounding_method VARCHAR, "
        f"day_event VARCHAR, day_zone VARCHAR, kinds VARCHAR, days_compared BIGINT, days_unexplained BIGINT, "
        f"proven_at {TIME}",
        ("reconciliation_readings",),
        """
        select account_id, measure, amount_key, rounding_level, rounding_method, day_event, day_zone, kinds,
            days_compared, days_unexplained, proven_at
        from told.reconciliation_readings where is_followed and standing = 'proven'
        """,
    ),
    Remembered(
        "published_difference",
        "account_id BIGINT, shop_id BIGINT, business_date DATE, measure VARCHAR, detail_id BIGINT, "
        f"difference {AMOUNT}",
        ("reconciliation_daily", "reconciliation_readings"),
        """
        select account_id, shop_id, business_date, measure, detail_id, difference
        from told.reconciliation_daily where status = 'before_proof'
        """,
    ),
    _history(
        "published_product_version",
        "dim_products_history",
        "account_id BIGINT, item_id BIGINT, product_name VARCHAR, category_id BIGINT, category_path VARCHAR, "
        "manufacturer_id BIGINT, brand_name VARCHAR, default_vendor_id BIGINT, vendor_name VARCHAR, "
        "default_price DECIMAL(28,10), is_archived BOOLEAN",
    ),
    _history(
        "published_location_version",
        "dim_locations_history",
        "account_id BIGINT, shop_id BIGINT, location_name VARCHAR, time_zone VARCHAR, price_level_id BIGINT, "
        "is_archived BOOLEAN",
    ),
    _history(
        "published_store_version",
        "dim_stores_history",
        "source VARCHAR, store_id BIGINT, account_id BIGINT, store_name VARCHAR, time_zone VARCHAR, currency VARCHAR",
    ),
    _history(
        "published_employee_version",
        "dim_employees_history",
        "account_id BIGINT, employee_id BIGINT, employee_name VARCHAR, employee_role_id BIGINT, "
        "limited_to_shop_id BIGINT, is_archived BOOLEAN",
    ),
    # A link by a name holds whatever is renamed later; the seed's word is read anew every night.
    Remembered(
        "published_location_link",
        "source VARCHAR, store_id BIGINT, location_id BIGINT, location_name VARCHAR, account_id BIGINT, "
        f"shop_id BIGINT, basis VARCHAR, since {TIME}",
        ("location_links",),
        "select source, store_id, location_id, location_name, account_id, shop_id, basis, since "
        "from told.location_links",
    ),
    # What was published before there were restatements has no history either.
    Remembered(
        "published_finding",
        "source VARCHAR, account_id BIGINT, table_name VARCHAR, issue VARCHAR, detail VARCHAR, severity VARCHAR, "
        f"worst_severity VARCHAR, first_seen_at {TIME}, last_seen_at {TIME}, runs_seen BIGINT",
        ("data_quality", "restatements"),
        "select * exclude (row_count, marts) from told.data_quality",
    ),
)


def remember(work_file: Path, memory_file: Path) -> None:
    """Replace the tables of REMEMBERED by what *memory_file* says; empty where it does not say.

    A file that an older version published has no such marts yet: its memory begins with the next.
    """
    with warehouse.opened(work_file) as connection:
        marts = _attached(connection, memory_file)
        for table in REMEMBERED:
            connection.execute(f"create or replace table raw_tillhouse.{table.name} ({table.columns})")
            if marts >= set(table.needs):
                sql = table.sql.replace("told.", "published.marts.")
                connection.execute(f"insert into raw_tillhouse.{table.name} by name {sql}")


def _attached(connection: duckdb.DuckDBPyConnection, memory_file: Path) -> set[str]:
    """The marts of the memory, now attached as *published*; none where there is no such file."""
    if not memory_file.exists():
        return set()
    warehouse.attach(connection, memory_file, "published")
    found = connection.execute("select table_name from duckdb_tables() where database_name = 'published'").fetchall()
    return {name for (name,) in found if name}
