"""Reasons why a night is not all good, read from the published marts; `run` and `status` show the same ones.

Every reason is a row of a table in the published file. A kind says which marts it needs, how to read them and how one
row of the answer reads as a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import duckdb

from pipelines import extraction, warehouse
from pipelines.containment import Verdict
from pipelines.settings import Settings


@dataclass(frozen=True)
class Concern:
    """One reason for exit code 4; a field is None where the reason does not know it."""

    kind: str
    account_id: int | None
    detail: str
    source: str = "lightspeed"
    account_name: str | None = None
    shop_id: int | None = None
    business_date: date | None = None
    """The day in question; of a withheld account its newest published one."""
    since: date | None = None

    @property
    def sentence(self) -> str:
        """What happened, where, and what to do."""
        return RENDER[self.kind](self)

    def facts(self) -> dict[str, Any]:
        """The fields and the sentence, for JSON."""
        return {**asdict(self), "sentence": self.sentence}


@dataclass(frozen=True)
class Kind:
    """A reason's name, the marts it needs, its SQL over them (columns of Concern) and its sentence."""

    name: str
    needs: tuple[str, ...]
    sql: str
    render: Callable[[Concern], str]
    given: tuple[str, ...] = ()
    """Settings that the SQL reads as `$name`."""


FAILED = """
with newest as (
    select source, account_id, table_name, max(run_id) as run_id from {marts}.pipeline_run_tables group by all
),
accounts as (
    select source, account_id, max(run_id) as run_id from newest group by all
)
select tables.source, tables.account_id, tables.failure as detail
from {marts}.pipeline_run_tables as tables
semi join newest using (source, account_id, table_name, run_id)
join accounts using (source, account_id)
where coalesce(tables.failure, '') <> '' and (tables.table_name <> 'tokens' or tables.run_id = accounts.run_id)
order by all
"""
"""Tables whose last reading failed. A token is not read again: it works if its account has been read since."""

WITHHELD = """
select account_id, account_name, newest_business_date as business_date, cast(withheld_since as date) as since,
    withheld_reason as detail
from {marts}.published_accounts where withheld_since is not null order by account_id
"""


def _withheld(concern: Concern) -> str:
    name = f" ({concern.account_name})" if concern.account_name else ""
    since = f" since {concern.since}" if concern.since else ""
    shown = f", its published rows end on {concern.business_date}" if concern.business_date else ""
    return (
        f"account {concern.account_id}{name} is withheld{since}{shown}: {concern.detail}; where its "
        f"raw rows are wrong, read it again with `tillhouse run --account {concern.account_id} --full-refresh`"
    )


STALE = """
with days as (
    select account_id, max(business_date) as business_date from {marts}.revenue_by_location_daily
    where business_date <= current_date + 1 group by all
),
open_shops as (
    select distinct account_id from {marts}.dim_locations where not coalesce(is_archived, false)
),
reads as (
    select account_id, max(began_at) as read_at from {marts}.pipeline_run_tables
    where source = 'lightspeed' and table_name = 'sale' and coalesce(failure, '') = '' group by all
)
select
    days.account_id,
    days.business_date,
    case when cast(reads.read_at as date) >= current_date - $tillhouse_stale_days
        then 'Lightspeed has had no newer sale when it was last asked, on ' || cast(reads.read_at as date)
        else 'its sales were last read to their end on ' || coalesce(cast(cast(reads.read_at as date) as varchar), '?')
    end as detail
from days
semi join open_shops using (account_id)
left join reads using (account_id)
where $tillhouse_stale_days > 0 and days.business_date < current_date - $tillhouse_stale_days
order by all
"""
"""Accounts whose newest business date is too old, with the reason. One whose shops are all archived has closed."""


def _stale(concern: Concern) -> str:
    return (
        f"account {concern.account_id} is stale: its newest business date is {concern.business_date}; "
        f"{concern.detail}; run `tillhouse doctor`, or raise TILLHOUSE_STALE_DAYS where the shops were closed"
    )


MARKED = """
with days as (
    select account_id, shop_id, max(location_name) as location_name, business_date,
        string_agg(
            concat(
                measure, case when detail is null then '' else concat(' (', detail, ')') end,
                ' is ', cast(cast(warehouse_amount as decimal(18, 2)) as varchar), ' here and ',
                cast(cast(source_amount as decimal(18, 2)) as varchar), ' by Lightspeed'
            ), '; ' order by abs(difference) desc, measure, detail_id
        ) as amounts,
        max(sale_ids) as sale_ids
    from {marts}.reconciliation_daily where status = 'unexplained' group by account_id, shop_id, business_date
)
select days.account_id, days.shop_id, days.business_date,
    concat(
        days.location_name, ': ', days.amounts,
        case when sale_ids is null then '' else concat('; sales in question: ', sale_ids) end
    ) as detail
from days order by days.business_date desc, days.account_id, days.shop_id
"""
"""Shop-days that differ from Lightspeed's own totals by a proven reading."""


def _marked(concern: Concern) -> str:
    where = f"account {concern.account_id}, shop {concern.shop_id}, {concern.business_date}"
    command = (
        f"tillhouse reconcile --accept {concern.business_date} --shop {concern.shop_id} --account {concern.account_id}"
    )
    return f"{where}, {concern.detail}. Look into these sales, or accept it: `{command} --reason …`"


HELD = """
select source, account_id, shop_id, business_date,
    concat(table_name, ' ', held_id, ' is held: ', reason, coalesce(concat(' (', nullif(page, ''), ')'), '')) as detail
from {marts}.held_rows where not is_accepted order by business_date desc nulls first, account_id, table_name, held_id
"""
"""Rows that wait until they can be read, and that no person accepted as missing."""


def _held(concern: Concern) -> str:
    shop = f", shop {concern.shop_id}" if concern.shop_id else ""
    day = f", {concern.business_date}" if concern.business_date else ""
    return (
        f"account {concern.account_id}{shop}{day}: {concern.detail}. Correct it at the source, or accept that it is "
        "missing: `tillhouse held --accept ID --reason …`"
    )


KINDS = (
    Kind("withheld", ("published_accounts",), WITHHELD, _withheld),
    Kind("marked", ("reconciliation_daily",), MARKED, _marked),
    Kind("held", ("held_rows",), HELD, _held),
    Kind("failed", ("pipeline_run_tables",), FAILED, lambda concern: concern.detail),
    Kind(
        "stale",
        ("dim_locations", "pipeline_run_tables", "revenue_by_location_daily"),
        STALE,
        _stale,
        given=("tillhouse_stale_days",),
    ),
)
"""In the order in which they are shown: withheld, marked, held, failed, stale."""

RENDER = {kind.name: kind.render for kind in KINDS}


def read(connection: duckdb.DuckDBPyConnection, settings: Settings) -> list[Concern]:
    """Return every concern of the marts that *connection* has; a kind whose marts are missing has none."""
    known = warehouse.marts(connection)
    return [
        Concern(kind=kind.name, **row)
        for kind in KINDS
        if known >= set(kind.needs)
        for row in warehouse.rows(
            connection,
            kind.sql.format(marts=warehouse.MARTS),
            {name: getattr(settings, name) for name in kind.given},
        )
    ]


def of_verdict(verdict: Verdict) -> list[Concern]:
    """The accounts that a build withholds, before anything of it is published."""
    return [Concern("withheld", account_id, reason) for account_id, reason in sorted(verdict.withheld().items())]


def summary(concerns: Iterable[Concern]) -> str:
    """The concerns as one text for the record of a run."""
    return extraction.summary(concern.sentence for concern in concerns)
