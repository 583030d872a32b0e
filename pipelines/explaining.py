"""What a library's error means, in one sentence with its remedy: no trace and nobody's value reaches a terminal."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines import stopping
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
        case duckdb.Error() if isinstance(one, DAMAGED_KINDS) or any(text in said for text in DAMAGED_TEXTS):
            return damaged(data_dir, said)
        case duckdb.Error() if isinstance(one, CAST_KINDS):
            return _unlike(error, said)
        case _:
            return None


def damaged(data_dir: Path, said: str = "") -> LoadError:
    """What to do about a database file that cannot be read; DuckDB's words may name it."""
    if "warehouse.duckdb" in said:
        path = data_dir / "warehouse.duckdb"
        return LoadError(f"{path} is damaged: move it away, then `tillhouse publish` makes it anew from work.duckdb")
    return LoadError(
        f"{data_dir / 'work.duckdb'} is damaged; the published file is unchanged: move it away, then "
        "`tillhouse replay` and `tillhouse run` make it anew from landing/"
    )


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
