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

KINDS = (Kind("failed", ("pipeline_run_tables",), FAILED, lambda concern: concern.detail),)
"""In the order in which they are shown: withheld, marked, held, failed, stale."""

RENDER = {kind.name: kind.render for kind in KINDS}


def read(connection: duckdb.DuckDBPyConnection, settings: Settings) -> list[Concern]:
    """Return every concern of the marts that *connection* has; a kind whose marts are missing has none."""
    known = _marts(connection)
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


def summary(concerns: Iterable[Concern]) -> str:
    """The concerns as one text for the record of a run."""
    return extraction.summary(concern.sentence for concern in concerns)


def _marts(connection: duckdb.DuckDBPyConnection) -> set[str]:
    sql = "select table_name from duckdb_tables() where schema_name = ? and database_name = current_database()"
    return {name for (name,) in connection.execute(sql, [warehouse.MARTS]).fetchall()}
