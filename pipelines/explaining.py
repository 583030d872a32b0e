"""One sentence with a remedy for each error of a library. No traceback and no value of a row reaches a terminal."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines import locks, stopping, warehouse
from pipelines.causes import chain
from pipelines.errors import LoadError, SpaceError, TillhouseError

log = logging.getLogger("tillhouse")

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FULL_TEXTS = (
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
    "max_temp_directory_size",
    "There is not enough space on the disk",
)
DAMAGED_TEXTS = ("checksum", "orrupt", "not a valid DuckDB database", "Could not read enough bytes", "INTERNAL Error")
DAMAGED_KINDS = (duckdb.SerializationException, duckdb.InternalException, duckdb.FatalException)
CAST_KINDS = (
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.TypeMismatchException,
    duckdb.OutOfRangeException,
    duckdb.ConstraintException,
)

COLUMN = re.compile(
    r"(?:source column|destination column|column name|[Cc]olumn with name|column) \"?([a-z_][a-z0-9_]*)"
)
JOB = re.compile(r"\b([a-z][a-z0-9_]*?)\.[0-9a-f]{10,}\.\d+\.\w+")
"""A file of dlt's, which begins with its table's name."""


def is_disk_full(error: BaseException) -> bool:
    """Whether there was no room, by the system's word or by DuckDB's."""
    return any(
        (isinstance(one, OSError) and one.errno in FULL)
        or (isinstance(one, duckdb.Error) and any(text in str(one) for text in FULL_TEXTS))
        for one in chain(error)
    )


def explained(error: BaseException, data_dir: Path) -> TillhouseError | None:
    """*error* as one of ours, or None for one that no sentence is known of."""
    if isinstance(error, SpaceError):
        return error
    if is_disk_full(error):
        return _full(error, data_dir)
    if isinstance(error, TillhouseError):
        return error
    for one in chain(error):
        if isinstance(one, (duckdb.Error, MemoryError)) and (found := _by_duckdb(one, error, data_dir)):
            return found
    return None


@contextmanager
def plainly(data_dir: Path) -> Iterator[None]:
    """Raise a library's error as one of ours where its meaning is known; a signal is one, whatever it broke."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise stopping.told(error) from error
    except Exception as error:
        stopping.check()
        if (told := explained(error, data_dir)) and told is not error:
            log.exception("%s", told)
            raise told from error
        raise


def _full(error: BaseException, data_dir: Path) -> SpaceError:
    names = [Path(one.filename) for one in chain(error) if isinstance(one, OSError) and isinstance(one.filename, str)]
    outside = [name for name in names if not name.absolute().is_relative_to(data_dir.absolute())]
    return SpaceError(
        f"The disk of {outside[0] if outside else data_dir} is full; the published file is unchanged; "
        "free some space and run again."
    )


def _by_duckdb(one: BaseException, error: BaseException, data_dir: Path) -> TillhouseError | None:
    said = str(one)
    match one:
        case duckdb.OutOfMemoryException() | MemoryError():
            return TillhouseError(
                "there was not enough memory: free some of the machine's, and space on the disk of "
                f"{data_dir}, which DuckDB uses beside it, and run again"
            )
        case duckdb.IOException() if locks.is_held(one):
            return LoadError(f"{data_dir / 'work.duckdb'} is open in another program: close it, then run again")
        case duckdb.Error() if is_damage(one):
            return damaged(_damaged_file(data_dir, said))
        case duckdb.Error() if isinstance(one, CAST_KINDS):
            return _unlike(error, said)
        case _:
            return None


def is_damage(error: BaseException) -> bool:
    """Whether DuckDB says that a file is not as it was written."""
    return isinstance(error, duckdb.Error) and (
        isinstance(error, DAMAGED_KINDS) or any(text in str(error) for text in DAMAGED_TEXTS)
    )


def damaged(path: Path) -> LoadError:
    """What to do about a database file that cannot be read."""
    unchanged = "" if path.name == "warehouse.duckdb" else "; the published file is unchanged"
    return LoadError(f"{path} is damaged{unchanged}: move it away, and {warehouse.remade(path)}")


def _damaged_file(data_dir: Path, said: str) -> Path:
    """The file that DuckDB's words name, or else the one that cannot be read: of a block they name the place alone."""
    files = [data_dir / name for name in ("warehouse.duckdb", "memory.duckdb", "work.duckdb")]
    named = (file for file in files if file.name in said)
    memory = data_dir / "memory.duckdb"
    return next(named, memory if memory.exists() and not _reads(memory) else files[-1])


def _reads(file: Path) -> bool:
    """Whether every table of *file* can be read."""
    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            tables = connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
            for (table,) in tables:
                connection.execute(f"select max(hash(rows)) from {table} as rows").fetchall()
    except duckdb.Error:
        return False
    return True


def _unlike(error: BaseException, said: str) -> LoadError:
    """A table that is not as tillhouse made it. The value that did not fit stays unsaid."""
    table = next((found.group(1) for one in chain(error) if (found := JOB.search(str(one)))), "")
    column = found.group(1) if (found := COLUMN.search(said)) else ""
    place = ", ".join(
        part for part in (f"table {table}" if table else "", f"column {column}" if column else "") if part
    )
    return LoadError(
        f"rows do not fit {place or 'a table'} of work.duckdb, which another program or version has changed: "
        "`tillhouse replay` rebuilds the raw tables from landing/, then `tillhouse run` goes on"
    )
