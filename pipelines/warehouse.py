"""Where DuckDB lives: the run's own work file, the published file that people query, and the ledger of runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from filelock import FileLock, Timeout

from pipelines.errors import BusyError, LoadError, TillhouseError
from pipelines.rates import RATE_COLUMNS

MARTS = "marts"
LOCK, HOLDER = "run.lock", "run.json"
"""Held by the one run of a data directory, and who that is."""
KILLED = (
    "the process was killed, or the machine went down; what it had fetched is kept, and the next run goes on behind it"
)
MEMORY_LIMIT = "512MB"
"""Of each DuckDB connection; what does not fit goes to disk."""
LEDGER_COLUMNS = {
    "run_id": "VARCHAR",
    "command": "VARCHAR",
    "status": "VARCHAR",
    "started_at": "TIMESTAMP WITH TIME ZONE",
    "finished_at": "TIMESTAMP WITH TIME ZONE",
    "accounts": "BIGINT",
    "accounts_failed": "BIGINT",
    "requests": "BIGINT",
    "rows_loaded": "BIGINT",
    "rejected_values": "BIGINT",
    "published_anyway": "BOOLEAN",
    "message": "VARCHAR",
}

TABLE_COLUMNS = {
    "source": "VARCHAR",
    "account_id": "BIGINT",
    "table": "VARCHAR",
    "requests": "BIGINT",
    "pages": "BIGINT",
    "drips": "DOUBLE",
    "rows": "BIGINT",
    "rows_new": "BIGINT",
    "rows_changed": "BIGINT",
    "rejected": "BIGINT",
    "drift": "BIGINT",
    "seconds": "DOUBLE",
    "began_at": "TIMESTAMP WITH TIME ZONE",
    "cursor_from": "VARCHAR",
    "cursor_to": "VARCHAR",
    "failure": "VARCHAR",
}

RUNS_WITH_TABLES = 100
"""Runs whose tables are published: hundreds of accounts have thousands of rows a night."""

STORE_COLUMNS = {"source": "VARCHAR", "store_id": "BIGINT", "name": "VARCHAR", "account_id": "BIGINT"}


@dataclass
class RunRecord:
    """One run, as the ledger keeps it."""

    run_id: str
    command: str
    started_at: str
    status: str = "running"
    finished_at: str | None = None
    accounts: int = 0
    accounts_failed: int = 0
    requests: int = 0
    rows_loaded: int = 0
    rejected_values: int = 0
    published_anyway: bool = False
    """Whether numbers were published that differ from Lightspeed's own and are not explained."""
    message: str = ""
    tables: list[dict[str, Any]] = field(default_factory=list)
    """What each table of each account took and brought, by TABLE_COLUMNS."""
    failures: list[dict[str, Any]] = field(default_factory=list)


class Ledger:
    """Every run that ended or was killed, one JSON object a line; readable while a run holds the work file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, record: RunRecord) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab+") as file:
            if file.tell() and not self._path.read_bytes().endswith(b"\n"):
                file.write(b"\n")  # A crash cut the last line short; this one stays whole.
            file.write(json.dumps(asdict(record), separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def records(self) -> list[RunRecord]:
        """Oldest first; a line cut short by a crash is passed over: its run did not end."""
        if not self._path.exists():
            return []
        return [record for line in self._path.read_text(encoding="utf-8").splitlines() if (record := _record(line))]


def _record(line: str) -> RunRecord | None:
    try:
        return RunRecord(**json.loads(line))
    except (json.JSONDecodeError, TypeError):
        return None


@contextmanager
def only_run(data_dir: Path, ledger: Ledger, record: RunRecord) -> Iterator[None]:
    """Hold the data directory; BusyError says who has it. A run that was killed gets its line in *ledger*."""
    data_dir.mkdir(parents=True, exist_ok=True)
    holder = data_dir / HOLDER
    try:
        # A status that looks whether a run goes on holds the lock for a moment.
        with FileLock(data_dir / LOCK, timeout=1):
            left = _left_by(holder)
            if left and left.run_id not in {known.run_id for known in ledger.records()}:
                ledger.append(left)
            facts = {name: getattr(record, name) for name in ("run_id", "command", "started_at")}
            holder.write_text(json.dumps({**facts, "pid": os.getpid()}))
            try:
                yield
            finally:
                holder.unlink(missing_ok=True)
    except Timeout:
        raise BusyError(
            f"{data_dir} is in use by {_holder(holder)}: wait for it, or set TILLHOUSE_DATA_DIR to another"
        ) from None


def unended(data_dir: Path) -> RunRecord | None:
    """The run that holds *data_dir*, or one that was killed and that no run has followed."""
    left = _left_by(data_dir / HOLDER)
    if left is None:
        return None
    try:
        with FileLock(data_dir / LOCK, timeout=0):
            return left
    except (Timeout, OSError):
        # Who may not write cannot tell; a run that was killed is written down by the next.
        return replace(left, status="running", message="")


def _left_by(holder: Path) -> RunRecord | None:
    """The run that wrote *holder*, as killed: one that ends takes it away."""
    if facts := _facts(holder):
        return RunRecord(facts["run_id"], facts["command"], facts["started_at"], status="killed", message=KILLED)
    return None


def _holder(path: Path) -> str:
    if facts := _facts(path):
        return f"`tillhouse {facts['command']}` (process {facts['pid']}, since {facts['started_at']})"
    return "another run"


def _facts(holder: Path) -> dict[str, Any] | None:
    """What a run wrote of itself; None for a file that no run wrote so: its words would enter the ledger."""
    try:
        facts = json.loads(holder.read_text(encoding="utf-8"))
        told = [facts[name] for name in ("run_id", "command", "started_at")]
        known = all(isinstance(text, str) for text in told) and isinstance(facts["pid"], int)
        return facts if known and datetime.fromisoformat(facts["started_at"]).tzinfo else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


@contextmanager
def opened(
    path: Path, *, read_only: bool = False, config: Mapping[str, Any] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in UTC; a file that cannot be opened is a LoadError that says why and what to do."""
    try:
        connection = duckdb.connect(str(path), read_only=read_only, config=dict(config or {}))
    except duckdb.Error as error:
        raise unopened(path, error) from None
    try:
        connection.execute(f"set TimeZone = 'UTC'; set memory_limit = '{MEMORY_LIMIT}'")
        yield connection
    finally:
        connection.close()


def unopened(path: Path, error: duckdb.Error) -> LoadError:
    """Why *path* cannot be opened and what to do: DuckDB has one kind of error for it all."""
    said = str(error).splitlines()[0]
    if "Permission denied" in said or "Read-only file system" in said:
        remedy = "give yourself the right to it"
    elif not path.exists():
        return LoadError(f"{path} does not exist: run `tillhouse run` first")
    elif "lock" in said:
        remedy = "close the program that has it"
    else:
        remedy = "it is no database of this version, or damaged: move it away, and `tillhouse run` makes it anew"
    return LoadError(f"{path} cannot be opened ({said}): {remedy}")


def rows(connection: duckdb.DuckDBPyConnection, sql: str, given: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """What *sql* answers, by column; *given* are its named parameters."""
    result = connection.execute(sql, given or {})
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def ensure_tables(work_file: Path, schema: str, tables: dict[str, dict[str, str]]) -> None:
    """Create what no row has created yet, so that every model finds its source."""
    with opened(work_file) as connection:
        connection.execute(f"create schema if not exists {schema}")
        for name, types in tables.items():
            listed = ", ".join(f"{column} {kind}" for column, kind in types.items())
            connection.execute(f"create table if not exists {schema}.{name} ({listed})")


def drop_gone(work_file: Path, schema: str, tables: dict[str, str]) -> None:
    """Remove rows of *tables* older than the full read of the table that they are read with (by name to name)."""
    with opened(work_file) as connection:
        if not connection.execute(f"select 1 from {schema}.full_read limit 1").fetchall():
            return
        # A run's id begins with its moment.
        gone = (
            "using (select account_id, table_name as walk, split_part(_run_id, '-', 1) as since "
            "from {schema}.full_read) as f "
            "where t.account_id = f.account_id and f.walk = '{walk}' and split_part(t._run_id, '-', 1) < f.since"
        )
        connection.execute("begin")
        for table, walk in tables.items():
            clause = gone.format(schema=schema, walk=walk)
            connection.execute(f"delete from {schema}.{table} as t {clause}")
            for notes in ("rejected_value", "drift"):
                connection.execute(f"delete from {schema}.{notes} as t {clause} and t.table_name = '{table}'")
        connection.execute(f"delete from {schema}.full_read")
        connection.execute("commit")


def replace_schemas(work_file: Path, other_file: Path, schemas: Iterable[str]) -> None:
    """Take *schemas* over from *other_file*: all of them, or after a crash none."""
    with opened(work_file) as connection:
        connection.execute(f"attach '{_quoted(other_file)}' as other (read_only)")
        connection.execute("begin")
        for schema in schemas:
            # dlt's staging area is made anew where it is missing.
            connection.execute(f"drop schema if exists {schema}_staging cascade")
            connection.execute(f"drop schema if exists {schema} cascade")
            _copy(connection, "other", schema)
        connection.execute("commit")


def settle_rejected(work_file: Path, schema: str, keys: dict[str, str]) -> None:
    """Forget values that could not be cast of rows that came again since without them, or are gone.

    *keys* is the key column by table. What a later copy of a row still has wrong is noted under that copy's run.
    """
    with opened(work_file) as connection:
        noted = {row["table_name"] for row in rows(connection, f"select table_name from {schema}.rejected_value")}
        for table in noted & keys.keys():
            connection.execute(
                f"delete from {schema}.rejected_value as noted where table_name = '{table}' and record_id is not null "
                f"and not exists (select 1 from {schema}.{table} as held where held.account_id = noted.account_id "
                f"and held.{keys[table]} = noted.record_id and held._run_id = noted._run_id)"
            )


def write_ledger(work_file: Path, records: Iterable[RunRecord]) -> None:
    """Replace raw_tillhouse.run and run_table by *records*; what an older version did not write down is NULL."""
    kept = list(records)
    rows = [[getattr(record, column) for column in LEDGER_COLUMNS] for record in kept]
    _replace(work_file, "run", LEDGER_COLUMNS, rows)
    newest = kept[-RUNS_WITH_TABLES:]
    tables = [[record.run_id, *map(table.get, TABLE_COLUMNS)] for record in newest for table in record.tables]
    _replace(work_file, "run_table", {"run_id": "VARCHAR", **_named(TABLE_COLUMNS)}, tables)


def _named(columns: dict[str, str]) -> dict[str, str]:
    """*table* and *rows* are words of SQL."""
    spelled = {"table": "table_name", "rows": "rows_seen"}
    return {spelled.get(name, name): kind for name, kind in columns.items()}


def write_stores(work_file: Path, rows: list[list[Any]]) -> None:
    """Replace raw_tillhouse.online_store by *rows*, in the order of STORE_COLUMNS."""
    _replace(work_file, "online_store", STORE_COLUMNS, rows)


def write_rates(work_file: Path, rows: Iterable[list[str]]) -> None:
    """Replace raw_tillhouse.euro_rate by *rows*, in the order of RATE_COLUMNS."""
    _replace(work_file, "euro_rate", RATE_COLUMNS, list(rows))


def _replace(work_file: Path, table: str, columns: dict[str, str], rows: Sequence[list[Any]]) -> None:
    with opened(work_file) as connection:
        listed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        connection.execute("create schema if not exists raw_tillhouse")
        connection.execute(f"create or replace table raw_tillhouse.{table} ({listed})")
        if rows:
            import pyarrow as pa

            names = list(columns)
            connection.register("rows", pa.table([list(column) for column in zip(*rows, strict=True)], names=names))
            connection.execute(f"insert into raw_tillhouse.{table} select * from rows")
            connection.unregister("rows")


def publish(
    work_file: Path,
    warehouse_file: Path,
    comments: Iterable[tuple[str, str, str]] = (),
    runs: Iterable[RunRecord] = (),
) -> int:
    """Copy the marts with their *comments* beside the published file and move them over it; returns how many marts.

    The marts were built while a run went on: how it ended is told by *runs*. Whoever reads the old file goes on reading
    it whole; whoever opens it next has the new one whole.
    """
    fresh = warehouse_file.with_suffix(".duckdb.new")
    fresh.unlink(missing_ok=True)
    with opened(fresh) as connection:
        connection.execute(f"attach '{_quoted(work_file)}' as work (read_only)")
        marts = _copy(connection, "work", MARTS)
        _tell_endings(connection, runs)
        _comment(connection, comments)
        connection.execute("detach work")
        connection.execute("checkpoint")
    if not marts:
        fresh.unlink()
        raise TillhouseError(f"{work_file} has no marts yet: run `tillhouse transform` first")
    _make_durable(fresh)
    # What another program left unfinished beside the old file would be read into the new one.
    warehouse_file.with_suffix(".duckdb.wal").unlink(missing_ok=True)
    fresh.replace(warehouse_file)
    return marts


def _copy(connection: duckdb.DuckDBPyConnection, database: str, schema: str) -> int:
    """All tables and views of *schema* from an attached *database*, a view as the table that it shows; how many.

    A view names the file that its tables are in, so it would find nothing in another.
    """
    listed = " union all ".join(
        f"select {kind}_name from duckdb_{kind}s() where database_name = $database and schema_name = $schema"
        for kind in ("table", "view")
    )
    found = connection.execute(f"{listed} order by all", {"database": database, "schema": schema}).fetchall()
    names = [name for (name,) in found]
    connection.execute(f"create schema {schema}")
    for name in names:
        connection.execute(f"create table {schema}.{name} as select * from {database}.{schema}.{name}")
    return len(names)


def _tell_endings(connection: duckdb.DuckDBPyConnection, runs: Iterable[RunRecord]) -> None:
    for record in runs:
        connection.execute(
            f"update {MARTS}.pipeline_runs set status = ?, finished_at = ?, message = ? where run_id = ?",
            [record.status, record.finished_at, record.message, record.run_id],
        )


def _comment(connection: duckdb.DuckDBPyConnection, comments: Iterable[tuple[str, str, str]]) -> None:
    connection.execute("begin")
    for mart, column, text in comments:
        place = f"column {MARTS}.{mart}.{column}" if column else f"table {MARTS}.{mart}"
        quoted = text.replace("'", "''")
        connection.execute(f"comment on {place} is '{quoted}'")
    connection.execute("commit")


def _make_durable(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def literal(path: Path) -> str:
    """*path* as a text of SQL."""
    return f"'{_quoted(path)}'"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
