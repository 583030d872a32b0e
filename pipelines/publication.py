"""The published file: built beside the old one, account by account, and moved over it whole.

`warehouse.duckdb` is what people open; `memory.duckdb` is the same bytes, kept private. Runs read what was published
from the memory alone: a program that has the published file open can neither stop a night nor change what the next
night compares with.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines import dictionary, locks, names, warehouse
from pipelines.containment import Verdict
from pipelines.durable import sync_folder
from pipelines.errors import TillhouseError, TransformError
from pipelines.settings import Settings
from pipelines.warehouse import MARTS

OPERATIONS = frozenset(
    {
        "data_quality",
        "held_rows",
        "pipeline_run_tables",
        "pipeline_runs",
        "published_accounts",
        "reconciliation_daily",
    }
)
"""Operations marts: always tonight's, even for withheld accounts."""

TOLD_BY_ROWS = frozenset({"data_quality", "held_rows", "reconciliation_daily"})
"""Operations marts without rows for accounts that were left out of the build: the last rows of these stay."""

AS_OF = ("run_id", "read_at", "newest_business_date")
"""Columns of published_accounts that follow the published rows."""

ADOPTED = f"""
create table {MARTS}.published_accounts as
with days as (
    select account_id, max(business_date) as newest_business_date from {MARTS}.fct_orders group by account_id
),
reads as (
    select account_id, max(began_at) as read_at from {MARTS}.pipeline_run_tables
    where table_name in ('sale', 'customer_order') and coalesce(failure, '') = '' group by account_id
)
select account_id, cast(null as varchar) as account_name, (select max(run_id) from {MARTS}.pipeline_runs) as run_id,
    read_at, newest_business_date, cast(0 as bigint) as undated_held_rows, cast(null as timestamptz) as withheld_since,
    cast(null as varchar) as withheld_reason
from days left join reads using (account_id)
"""

log = logging.getLogger("tillhouse")


@dataclass(frozen=True)
class Mart:
    """A table to be published, and where its columns are: by name and type, tonight's and the last ones."""

    name: str
    tonight: dict[str, str]
    last: dict[str, str]


def publish(settings: Settings, verdict: Verdict, since: str, tell: Callable[[duckdb.DuckDBPyConnection], None]) -> int:
    """Publish the marts that *verdict* lets pass and return how many marts there are.

    Rows of a withheld account stay as they were published last, since the run that started at *since*. *tell* may
    change the new file before it is moved over the old one: how the run ended, for one.
    """
    fresh, copy = _new(settings.warehouse_file), _new(settings.memory_file)
    remove_debris(settings)
    try:
        marts = _build(settings, verdict, since, tell)
        _make_durable(fresh)
        shutil.copyfile(fresh, copy)
        copy.chmod(0o600)
        _make_durable(copy)
        fresh.chmod(int(settings.tillhouse_published_mode, 8))
    except BaseException:
        remove_debris(settings)
        raise
    shut_log(settings.warehouse_file)
    fresh.replace(settings.warehouse_file)
    copy.replace(settings.memory_file)
    sync_folder(settings.warehouse_file.parent)
    return marts


def settle(settings: Settings) -> None:
    """Bring the two files in order before a run: what a killed publication left, a foreign log, a missing memory."""
    fresh, copy = _new(settings.warehouse_file), _new(settings.memory_file)
    if copy.exists() and not fresh.exists():
        # Killed between the two renames: the copy was whole before the first.
        copy.replace(settings.memory_file)
    remove_debris(settings)
    if settings.warehouse_file.exists():
        shut_log(settings.warehouse_file)
        if not settings.memory_file.exists():
            _adopt(settings)


def remove_debris(settings: Settings) -> None:
    """Remove what an unfinished publication left; the copy first, so that it never lies there alone."""
    for file in (settings.memory_file, settings.warehouse_file):
        fresh = _new(file)
        for path in (fresh, fresh.with_name(f"{fresh.name}.wal")):
            with suppress(FileNotFoundError):
                path.unlink()


def foreign_log(file: Path) -> Path | None:
    """The write-ahead log that another program left beside *file*: every reader of the file would apply it."""
    path = _log_of(file)
    try:
        return path if path.stat().st_size else None
    except FileNotFoundError:
        return None


def shut_log(file: Path) -> None:
    """Remove the log of a program that had *file* open for writing, with a warning, and leave no place for another.

    A program keeps its right to write to a file that it opened before it was replaced, and its log bears the path of
    the file that replaced it. A link to the null device in that place takes no log, and readers find an empty one.
    """
    path = _log_of(file)
    if found := foreign_log(file):
        log.warning(
            "removed %s: another program has %s open for writing, and its changes would show in the published figures; "
            "open the file read-only",
            found,
            file.name,
        )
    elif path.is_symlink():
        return
    with suppress(FileNotFoundError):
        path.unlink()
    if os.name == "posix":
        path.symlink_to(os.devnull)


@contextmanager
def reading(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open what is published, read-only, whatever another program does to the published file.

    Raises TillhouseError where nothing is published yet.
    """
    if not settings.warehouse_file.exists():
        raise TillhouseError(f"{settings.warehouse_file} does not exist yet: run `tillhouse run` first")
    with warehouse.opened(readable(settings), read_only=True) as connection:
        yield connection


def readable(settings: Settings) -> Path:
    """The published file, or its private copy while another program holds it or has left its log beside it."""
    file, memory = settings.warehouse_file, settings.memory_file
    if not memory.exists() or not file.exists():
        return file
    return memory if foreign_log(file) or _is_held(file) else file


def _is_held(file: Path) -> bool:
    try:
        duckdb.connect(str(file), read_only=True).close()
    except duckdb.IOException as error:
        return locks.is_held(error)
    return False


def _adopt(settings: Settings) -> None:
    """Begin the memory with a file that an older version published."""
    copy = _new(settings.memory_file)
    shutil.copyfile(settings.warehouse_file, copy)
    copy.chmod(0o600)
    with warehouse.opened(copy) as connection:
        _tell_adopted(connection)
    copy.replace(settings.memory_file)


def _tell_adopted(connection: duckdb.DuckDBPyConnection) -> None:
    """Add published_accounts to a file of a version that had none: all of it is as of its newest run."""
    known = warehouse.marts(connection)
    if "published_accounts" not in known and known >= {"pipeline_runs", "pipeline_run_tables", "fct_orders"}:
        connection.execute(ADOPTED)


def _build(settings: Settings, verdict: Verdict, since: str, tell: Callable[[duckdb.DuckDBPyConnection], None]) -> int:
    with warehouse.opened(_new(settings.warehouse_file)) as connection:
        warehouse.attach(connection, settings.work_file, "work")
        if settings.memory_file.exists():
            warehouse.attach(connection, settings.memory_file, "earlier")
        connection.execute(f"create schema {MARTS}")
        marts = _marts(connection)
        if not any(mart.tonight for mart in marts):
            if stop := verdict.stop():
                raise TransformError(f"nothing was published: {stop}")
            raise TillhouseError(f"{settings.work_file} has no marts yet: run `tillhouse transform` first")
        made = sum(_publish_mart(connection, mart, verdict) for mart in marts)
        _tell_withheld(connection, verdict, since)
        tell(connection)
        _comment(connection)
        names.give(connection, MARTS)
        connection.execute("detach work")
        connection.execute("checkpoint")
    return made


def _marts(connection: duckdb.DuckDBPyConnection) -> list[Mart]:
    """Every mart of the work file and of the memory, by name."""
    columns: dict[str, dict[str, dict[str, str]]] = {}
    found = connection.execute(
        "select database_name, table_name, column_name, data_type from duckdb_columns() "
        "where schema_name = ? and database_name in ('work', 'earlier') order by table_name, column_index",
        [MARTS],
    ).fetchall()
    for database, table, column, kind in found:
        columns.setdefault(table, {}).setdefault(database, {})[column] = kind
    return [Mart(name, sides.get("work", {}), sides.get("earlier", {})) for name, sides in columns.items()]


def _publish_mart(connection: duckdb.DuckDBPyConnection, mart: Mart, verdict: Verdict) -> bool:
    """Create *mart* in the new file; False for one that exists no more."""
    is_old = mart.name in verdict.unbuilt or (bool(verdict.stop()) and mart.name not in OPERATIONS)
    if not mart.tonight:
        # A mart of the user's that is gone from the project is gone; one that failed on its first night never was.
        if mart.name not in verdict.unbuilt:
            return False
        connection.execute(f"create table {MARTS}.{mart.name} as from earlier.{MARTS}.{mart.name}")
        return True
    kept, replaced = _parts(mart, verdict, is_old=is_old)
    connection.execute(f"create table {MARTS}.{mart.name} as from work.{MARTS}.{mart.name}{kept}")
    if replaced and mart.last:
        connection.execute(
            f"insert into {MARTS}.{mart.name} by name "
            f"select {_columns(mart)} from earlier.{MARTS}.{mart.name} as last_rows{replaced}"
        )
    return True


def _parts(mart: Mart, verdict: Verdict, *, is_old: bool) -> tuple[str, str]:
    """The condition on tonight's rows, and the one on the last rows; '' is all of the former and none of the latter."""
    if is_old:
        return " where false", " where true"
    if ids := _ids(mart, verdict):
        return f" where ({ids}) is not true", f" where {ids}"
    keys = dictionary.keys().get(mart.name, ())
    if keys and verdict.withheld() and mart.name not in OPERATIONS and mart.last.keys() >= set(keys):
        # A dimension of all accounts: what the withheld rows refer to stays.
        match = " and ".join(f"tonight.{key} is not distinct from last_rows.{key}" for key in keys)
        return "", f" where not exists (select 1 from work.{MARTS}.{mart.name} as tonight where {match})"
    return "", ""


def _ids(mart: Mart, verdict: Verdict) -> str:
    """The SQL condition for rows of withheld accounts. Empty if the mart or the verdict names none."""
    if "account_id" not in mart.tonight:
        return ""
    if mart.name not in OPERATIONS:
        return _among("account_id", verdict.withheld())
    if mart.name not in TOLD_BY_ROWS:
        return ""
    if "source" not in mart.tonight:
        return _among("account_id", verdict.left_out.get("lightspeed", ()))
    conditions = [
        f"(source = '{vendor}' and {_among('account_id', accounts)})"
        for vendor, accounts in verdict.left_out.items()
        if accounts
    ]
    return " or ".join(conditions)


def _among(column: str, accounts: Iterable[int]) -> str:
    listed = ", ".join(map(str, sorted(accounts)))
    return f"{column} in ({listed})" if listed else ""


def _columns(mart: Mart) -> str:
    """The last rows' columns under tonight's types; a column that is new is NULL, one that is gone is left out."""
    return ", ".join(
        name if mart.last[name] == kind else f"try_cast({name} as {kind}) as {name}"
        for name, kind in mart.tonight.items()
        if name in mart.last
    )


def _tell_withheld(connection: duckdb.DuckDBPyConnection, verdict: Verdict, since: str) -> None:
    """Say in published_accounts since when and why an account is withheld, and as of when its rows are."""
    known = {mart.name: mart for mart in _marts(connection)}.get("published_accounts")
    if known is None or not known.tonight:
        return
    last = f"from earlier.{MARTS}.published_accounts as last_rows where account_id = $account_id" if known.last else ""
    for account_id, reason in verdict.withheld().items():
        given = {"account_id": account_id, "reason": reason, "since": since}
        connection.execute(
            f"insert into {MARTS}.published_accounts (account_id) select $account_id where not exists "
            f"(select 1 from {MARTS}.published_accounts where account_id = $account_id)",
            {"account_id": account_id},
        )
        before = ", ".join(f"{name} = {f'(select {name} {last})' if last else 'null'}" for name in AS_OF)
        first = f"coalesce((select withheld_since {last}), cast($since as timestamptz))" if last else "$since"
        connection.execute(
            f"update {MARTS}.published_accounts set {before}, withheld_since = {first}, withheld_reason = $reason "
            "where account_id = $account_id",
            given,
        )


def _comment(connection: duckdb.DuckDBPyConnection) -> None:
    """Describe every mart and column, as the project does."""
    known = connection.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = ? and database_name = "
        "current_database()",
        [MARTS],
    ).fetchall()
    there = {*known, *((mart, "") for mart, _ in known)}
    connection.execute("begin")
    for mart, column, text in dictionary.comments():
        if (mart, column) in there:
            place = f"column {MARTS}.{mart}.{column}" if column else f"table {MARTS}.{mart}"
            told = text.replace("'", "''")
            connection.execute(f"comment on {place} is '{told}'")
    connection.execute("commit")


def _make_durable(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _new(file: Path) -> Path:
    """Where the next *file* is built."""
    return file.with_name(f"{file.name}.new")


def _log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.wal")
