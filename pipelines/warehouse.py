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

from pipelines import locks, stopping
from pipelines.errors import BusyError, LoadError
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

ACCEPTED_COLUMNS = {
    "account_id": "BIGINT",
    "shop_id": "BIGINT",
    "business_date": "DATE",
    "measure": "VARCHAR",
    "detail_id": "BIGINT",
    "difference": "DECIMAL(18, 4)",
    "reason": "VARCHAR",
}
UNPROVEN_COLUMNS = {"account_id": "BIGINT", "unproven_at": "TIMESTAMP WITH TIME ZONE"}
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
        """Oldest first; a line that is cut short or damaged is passed over."""
        if not self._path.exists():
            return []
        return [record for line in self._path.read_bytes().splitlines() if (record := _record(line))]


def _record(line: bytes) -> RunRecord | None:
    try:
        return RunRecord(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
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
    """A connection in UTC; a file that cannot be opened is a LoadError that says why and what to do.

    A file that another program holds is waited for a while.
    """
    try:
        connection = locks.patiently(
            lambda: duckdb.connect(str(path), read_only=read_only, config=dict(config or {})), path
        )
    except duckdb.Error as error:
        raise unopened(path, error) from None
    try:
        connection.execute(f"set TimeZone = 'UTC'; set memory_limit = '{MEMORY_LIMIT}'")
        with stopping.interruptible(connection):
            yield connection
    finally:
        connection.close()


def attach(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> None:
    """Attach the file *path* as *name*, read-only; LoadError if it cannot be opened, even after a wait."""
    sql = f"attach {literal(path)} as {name} (read_only)"
    try:
        locks.patiently(lambda: connection.execute(sql), path)
    except duckdb.Error as error:
        raise unopened(path, error) from None


def unopened(path: Path, error: duckdb.Error) -> LoadError:
    """Why *path* cannot be opened and what to do: DuckDB has one kind of error for it all."""
    said = str(error).splitlines()[0]
    if "Permission denied" in said or "Read-only file system" in said:
        remedy = "give yourself the right to it"
    elif not path.exists():
        return LoadError(f"{path} does not exist: run `tillhouse run` first")
    elif locks.is_held(error):
        remedy = "close the program that has it"
    else:
        remedy = f"it is no database of this version, or damaged: move it away, and {remade(path)}"
    return LoadError(f"{path} cannot be opened ({said}): {remedy}")


def remade(path: Path) -> str:
    """How the database file *path* is made anew."""
    match path.name:
        case "warehouse.duckdb":
            return "`tillhouse publish` makes it anew from work.duckdb"
        case "memory.duckdb":
            return "the next run copies it from warehouse.duckdb"
        case _:
            return "`tillhouse replay`, then `tillhouse run` make it anew from landing/"


def rows(connection: duckdb.DuckDBPyConnection, sql: str, given: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """What *sql* answers, by column; *given* are its named parameters."""
    result = connection.execute(sql, given or {})
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def has_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    sql = "select 1 from information_schema.tables where table_schema = ? and table_name = ?"
    return bool(connection.execute(sql, [schema, table]).fetchall())


def has_mart(connection: duckdb.DuckDBPyConnection, mart: str) -> bool:
    return has_table(connection, MARTS, mart)


def marts(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The names of the marts that *connection*'s own file has."""
    sql = "select table_name from duckdb_tables() where schema_name = ? and database_name = current_database()"
    return frozenset(name for (name,) in connection.execute(sql, [MARTS]).fetchall())


def ensure_tables(work_file: Path, schema: str, tables: dict[str, dict[str, str]]) -> None:
    """Create what no row has created yet, so that every model finds its source."""
    with opened(work_file) as connection:
        connection.execute(f"create schema if not exists {schema}")
        for name, types in tables.items():
            listed = ", ".join(f"{column} {kind}" for column, kind in types.items())
            connection.execute(f"create table if not exists {schema}.{name} ({listed})")


def drop_gone(work_file: Path, schema: str, tables: dict[str, str], keys: dict[str, str]) -> None:
    """Remove rows of *tables* older than the full read of the table that they are read with (by name to name).

    A row that the full read could not take is not gone: its older copy stays, by its column in *keys*.
    """
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
            is_held = (
                f"exists (select 1 from {schema}.held_row as h where h.account_id = t.account_id "
                f"and h.table_name = '{walk}' and h.record_id = cast(t.{keys[table]} as varchar) "
                "and split_part(h._run_id, '-', 1) >= f.since)"
            )
            connection.execute(f"delete from {schema}.{table} as t {clause} and not {is_held}")
            for notes in ("rejected_value", "held_row", "drift"):
                connection.execute(f"delete from {schema}.{notes} as t {clause} and t.table_name = '{table}'")
        connection.execute(f"delete from {schema}.full_read")
        connection.execute("commit")


def replace_schemas(work_file: Path, other_file: Path, schemas: Iterable[str]) -> None:
    """Take *schemas* over from *other_file*: all of them, or after a crash none."""
    with opened(work_file) as connection:
        attach(connection, other_file, "other")
        connection.execute("begin")
        for schema in schemas:
            # dlt's staging area is made anew where it is missing.
            connection.execute(f"drop schema if exists {schema}_staging cascade")
            connection.execute(f"drop schema if exists {schema} cascade")
            copy_schema(connection, "other", schema)
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


def held_rows(work_file: Path, schema: str) -> list[dict[str, Any]]:
    """The rows that wait until they can be read, as of the last load; none before there was any."""
    if not work_file.exists():
        return []
    with opened(work_file) as connection:
        known = has_table(connection, schema, "held_row")
        return rows(connection, f"select * from {schema}.held_row") if known else []


def settle_held(work_file: Path, schema: str, keys: dict[str, str], whole: Iterable[str]) -> None:
    """Release held rows that came since and could be read, and those that a list of *whole* no longer has.

    *keys* is the key column by table.
    """
    with opened(work_file) as connection:
        for row in rows(connection, f"select distinct table_name from {schema}.held_row"):
            if key := keys.get(row["table_name"]):
                connection.execute(
                    f"delete from {schema}.held_row as h using {schema}.{row['table_name']} as t "
                    f"where h.table_name = '{row['table_name']}' and t.account_id = h.account_id "
                    f"and cast(t.{key} as varchar) = h.record_id and t._run_id >= h._run_id"
                )
        listed = ", ".join(f"'{name}'" for name in whole)
        connection.execute(
            f"delete from {schema}.held_row as h using {schema}.whole_read as w where h.table_name in ({listed}) "
            "and w.account_id = h.account_id and w.table_name = h.table_name "
            "and split_part(h._run_id, '-', 1) < split_part(w._run_id, '-', 1)"
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


def write_decisions(work_file: Path, accepted: list[list[Any]], unproven: list[list[Any]]) -> None:
    """Replace what a person decided, in the order of ACCEPTED_COLUMNS and UNPROVEN_COLUMNS."""
    _replace(work_file, "accepted_difference", ACCEPTED_COLUMNS, accepted)
    _replace(work_file, "unproven_account", UNPROVEN_COLUMNS, unproven)


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


def copy_schema(connection: duckdb.DuckDBPyConnection, database: str, schema: str) -> None:
    """All tables and views of *schema* from an attached *database*, a view as the table that it shows.

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


def tell_endings(connection: duckdb.DuckDBPyConnection, runs: Iterable[RunRecord]) -> None:
    """Write into the mart pipeline_runs how *runs* ended: it was built before the last of them ended, or not at all."""
    for record in runs:
        told = [getattr(record, column) for column in LEDGER_COLUMNS]
        connection.execute(f"delete from {MARTS}.pipeline_runs where run_id = ?", [record.run_id])
        connection.execute(
            f"insert into {MARTS}.pipeline_runs by name select * from (values ({', '.join('?' * len(told))})) "
            f"as run ({', '.join(LEDGER_COLUMNS)})",
            told,
        )


def literal(path: Path) -> str:
    """*path* as a text of SQL."""
    text = str(path).replace("'", "''")
    return f"'{text}'"
