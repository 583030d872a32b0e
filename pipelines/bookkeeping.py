"""What each table of a run took and brought, for the run ledger: what a load changes is counted before it is loaded."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines import warehouse
from pipelines.columns import Kind
from pipelines.extraction import Cursor, Extraction, Slice, Tally
from pipelines.landing import ACCOUNT, EXTRA, RawTable, TypedFile

Cursors = Mapping[str, Mapping[str, Cursor]]


@dataclass
class TableRecord:
    """One raw table of one account in a run. The rows of a child, such as a sale's lines, came with its parent's."""

    source: str
    account_id: int
    table: str
    requests: int = 0
    pages: int = 0
    drips: float = 0.0
    rows: int = 0
    rows_new: int = 0
    rows_changed: int = 0
    rejected: int = 0
    drift: int = 0
    seconds: float = 0.0
    began_at: str | None = None
    """By the server's own clock: what it had then is in, what came later may not be."""
    cursor_from: str | None = None
    cursor_to: str | None = None
    failure: str = ""

    def add(self, later: TableRecord) -> None:
        """What the same table took and brought later in the run; where it began stays."""
        for name in ("requests", "pages", "drips", "rows", "rows_new", "rows_changed", "rejected", "drift", "seconds"):
            setattr(self, name, round(getattr(self, name) + getattr(later, name), 4))
        self.failure = self.failure or later.failure


class Book:
    """One vendor's tables in a run; *cursors* are where it began."""

    def __init__(self, source: str, work_file: Path, cursors: Cursors) -> None:
        self._source, self._work_file = source, work_file
        self._cursors = {(int(account), table): at for account, by in cursors.items() for table, at in by.items()}
        self._records: dict[tuple[int, str], TableRecord] = {}
        self._drift: dict[tuple[int, str], set[str]] = defaultdict(set)

    def note(self, part: Slice) -> None:
        """Count what *part* brings against what the warehouse has: before it is loaded."""
        self._note_changes(part)
        for landed in (delivery.landed for delivery in part.deliveries if delivery.landed):
            for rejected in (*landed.rejected, *landed.altered):
                self._record(landed.account_id, rejected.table_name).rejected += 1
            for table, field in landed.drift:
                self._drift[landed.account_id, table].add(field)

    def _note_changes(self, part: Slice) -> None:
        files: dict[RawTable, list[TypedFile]] = defaultdict(list)
        for delivery in part.deliveries:
            for file in delivery.landed.files if delivery.landed else ():
                files[file.table].append(file)
        with warehouse.opened(self._work_file) as connection:
            for table, brought in files.items():
                paths = [str(file.path) for file in brought]
                for account_id, rows, new, changed in _changes(connection, f"raw_{self._source}", table, paths):
                    record = self._record(account_id, table.name)
                    record.rows += rows
                    record.rows_new += new
                    record.rows_changed += changed

    def arrived(self, part: Slice) -> None:
        """Keep where *part*, now loaded, leaves its tables' cursors."""
        for delivery in part.deliveries:
            if delivery.cursor:
                self._record(delivery.account_id, delivery.table).cursor_to = _text(delivery.cursor)

    def closed(self, extraction: Extraction, tallies: Mapping[tuple[int, str], Tally]) -> Iterator[TableRecord]:
        """Every table that was asked for or brought something."""
        for (account_id, table), spent in extraction.spent.items():
            record = self._record(account_id, table)
            record.requests, record.drips, record.seconds = spent.requests, round(spent.drips, 4), spent.seconds
            record.began_at = spent.began_at.isoformat() if spent.began_at else None
            if tally := tallies.get((account_id, table)):
                record.pages, record.rows = tally.pages, tally.rows
            record.cursor_from = _text(self._cursors.get((account_id, table)))
            record.cursor_to = record.cursor_to or record.cursor_from
        for failure in extraction.failures:
            self._record(failure.account_id, failure.table).failure = failure.sentence
        for place, fields in self._drift.items():
            self._record(*place).drift = len(fields)
        for place in sorted(self._records):
            yield self._records[place]

    def _record(self, account_id: int, table: str) -> TableRecord:
        return self._records.setdefault((account_id, table), TableRecord(self._source, account_id, table))


def _changes(
    connection: duckdb.DuckDBPyConnection, schema: str, table: RawTable, paths: list[str]
) -> list[tuple[int, int, int, int]]:
    """(account, rows, new ones, changed ones) of files; of copies that came twice the last counts, as it is loaded.

    A row that came again as it was is neither. The marks that empty a set are no rows.
    """
    known = _columns(connection, schema, table)
    keys = list(dict.fromkeys([ACCOUNT, table.merge_on, table.key]))
    sets = ", ".join(dict.fromkeys([ACCOUNT, table.merge_on]))
    brought = (
        f"with copies as (select * from read_parquet($paths, filename = true) where {table.key} is not null), "
        f"newest as (select {sets}, max(filename) as filename from copies group by all), "
        f"brought as (select distinct copies.* from copies join newest using ({sets}, filename)) "
    )
    if not known:
        counted = "select account_id, count(*), count(*), 0 from brought group by all"
    else:
        match = " and ".join(f"old.{key} = brought.{key}" for key in keys)
        mine, theirs = (", ".join(_comparable(table, side, known)) for side in ("brought", "old"))
        counted = (
            f"select brought.{ACCOUNT}, count(*), count(*) filter (old.{ACCOUNT} is null), "
            f"count(*) filter (old.{ACCOUNT} is not null and row({mine}) is distinct from row({theirs})) "
            f"from brought left join {schema}.{table.name} as old on {match} group by all"
        )
    return connection.execute(brought + counted, {"paths": paths}).fetchall()


def _columns(connection: duckdb.DuckDBPyConnection, schema: str, table: RawTable) -> set[str]:
    """What the warehouse has of *table*; nothing before its first row."""
    found = connection.execute(
        "select column_name from duckdb_columns() where schema_name = ? and table_name = ?", [schema, table.name]
    ).fetchall()
    return {name for (name,) in found}


def _comparable(table: RawTable, side: str, known: set[str]) -> list[str]:
    """What a row says, as opposed to when it came; documents are compared as text."""
    documents = {EXTRA, *(column.name for column in table.columns if column.kind is Kind.JSON)}
    names = [name for name in (*(column.name for column in table.columns), EXTRA) if name in known]
    return [f"cast({side}.{name} as varchar)" if name in documents else f"{side}.{name}" for name in names]


def _text(cursor: Cursor | None) -> str | None:
    return json.dumps(cursor, separators=(",", ":"), sort_keys=True) if cursor else None
