"""Faults of libraries and of the machine are one sentence with a remedy (cases 34, 37 and 38)."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from pipelines import explaining, logs, publication, query, warehouse
from pipelines.causes import chain
from pipelines.cli import main
from pipelines.containment import read_verdict
from pipelines.errors import LoadError, SpaceError, TillhouseError, TransformError
from pipelines.settings import read_settings
from pipelines.terminal import Terminal
from pipelines.warehouse import Ledger, RunRecord

VALUE = "Canaryfirst"
"""A person's name, which must reach neither a terminal nor a log."""


@pytest.fixture(autouse=True)
def _closed_log() -> Iterator[None]:
    yield
    for handler in logging.getLogger("tillhouse").handlers:
        handler.close()


def told(error: BaseException, data_dir: Path = Path("data")) -> TillhouseError | None:
    return explaining.explained(error, data_dir)


def behind(cause: BaseException, *others: BaseException) -> BaseException:
    """*cause* as a library wraps it: the last of *others* is the one that is seen."""
    for other in others:
        other.__cause__ = cause
        cause = other
    return cause


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "data/landing/1.zst"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError(errno.EFBIG, "File too large"),
        duckdb.IOException('IO Error: Could not write file "data/work.duckdb": No space left on device'),
        duckdb.FatalException("FATAL Error: Failed to commit: IO Error: No space left on device"),
        behind(OSError(errno.ENOSPC, "full"), RuntimeError("job failed"), ValueError("pipeline failed")),
        ExceptionGroup("walks", [ValueError("x"), OSError(errno.ENOSPC, "full")]),
        TransformError("a model failed: No space left on device"),
    ],
)
def test_a_full_disk_is_named_with_what_is_kept(error: BaseException) -> None:
    if isinstance(error, TransformError):
        error = behind(duckdb.IOException("No space left on device"), error)

    found = told(error)

    assert isinstance(found, SpaceError)
    assert str(found) == ("The disk of data is full; the published file is unchanged; free some space and run again.")


def test_a_full_disk_elsewhere_is_named_itself() -> None:
    found = told(OSError(errno.ENOSPC, "full", "/other/disk/file"))

    assert "The disk of /other/disk/file is full" in str(found)


@pytest.mark.parametrize(
    "error",
    [
        duckdb.IOException("IO Error: Corrupt database file: computed checksum 1 is not the stored one in block"),
        duckdb.SerializationException(f"Serialization Error: {VALUE}"),
        duckdb.InternalException(f"INTERNAL Error: {VALUE}"),
        duckdb.FatalException("FATAL Error: database has been invalidated because of a previous fatal error"),
        duckdb.IOException('The file "data/work.duckdb" exists, but it is not a valid DuckDB database file!'),
    ],
)
def test_a_damaged_work_file_is_rebuilt_from_the_landing_zone(error: BaseException) -> None:
    found = str(told(behind(error, ValueError("of dlt"))))

    assert found.startswith("data/work.duckdb is damaged; the published file is unchanged")
    assert "`tillhouse replay`" in found
    assert VALUE not in found


def test_a_value_that_fits_no_column_is_not_told(tmp_path: Path) -> None:
    """Case 34: the table, the column and what to do; neither on stderr nor in the log a person's name."""
    with duckdb.connect() as connection:
        connection.execute("create table customer (first_name bigint)")
        try:
            connection.execute(f"insert into customer by name select '{VALUE}' as first_name")
        except duckdb.Error as raised:
            error = behind(raised, RuntimeError(f"Job for customer.1a2b3c4d5e6f.0.parquet failed: {VALUE}"))

    found = str(told(error))

    assert found.startswith("rows do not fit table customer")
    assert "`tillhouse replay`" in found
    assert VALUE not in found


def test_no_memory_is_one_sentence() -> None:
    assert "not enough memory" in str(told(duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate")))
    assert "not enough memory" in str(told(MemoryError()))


def test_an_error_that_nobody_knows_is_a_defect_of_ours() -> None:
    assert told(ValueError(VALUE)) is None
    assert told(duckdb.ParserException(VALUE)) is None


def test_the_trace_goes_to_the_log_alone_and_no_value_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise duckdb.ConversionException(f"Could not convert string '{VALUE}' to INT64")

    monkeypatch.setattr("pipelines.status.accounts", broken)
    (tmp_path / "data").mkdir()

    result = CliRunner().invoke(main, ["--data-dir", str(tmp_path / "data"), "accounts"])

    log = (tmp_path / "data" / "logs" / "tillhouse.log").read_text(encoding="utf-8")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "test_faults_told.py" in log
    assert "test_faults_told.py" not in result.output
    assert VALUE not in log + result.output


def test_what_breaks_in_a_thread_reaches_the_log_and_not_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    logs.set_up(tmp_path, form="text", verbose=False)

    def broken() -> None:
        raise ValueError(VALUE)

    thread = threading.Thread(target=broken)
    thread.start()
    thread.join()

    log = (tmp_path / "tillhouse.log").read_text(encoding="utf-8")
    assert "ValueError" in log
    assert VALUE not in log + capsys.readouterr().err


def test_a_ledger_that_is_no_utf8_loses_the_damaged_line_alone(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "runs.jsonl")
    ledger.append(RunRecord("first", "run", "2026-03-01T06:00:00+00:00"))
    with (tmp_path / "runs.jsonl").open("ab") as file:
        file.write(b"\xff\xfe\x00junk\n[1]\n\n" + b"[" * 100_000 + b"\n")
    ledger.append(RunRecord("second", "run", "2026-03-02T06:00:00+00:00"))

    assert [record.run_id for record in ledger.records()] == ["first", "second"]


def flip(path: Path) -> None:
    """A block that is not what it was."""
    content = bytearray(path.read_bytes())
    for place in range(4096 * 3 + 100, len(content), 4096):
        content[place] ^= 0xFF
    path.write_bytes(content)


def junk(path: Path) -> None:
    path.write_bytes(b"junk" * 5_000)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [flip, junk, cut])
@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("work.duckdb", "tillhouse replay"),
        ("warehouse.duckdb", "tillhouse publish"),
        ("memory.duckdb", "the next run copies it from warehouse.duckdb"),
    ],
)
def test_a_damaged_file_is_one_sentence_with_its_remedy(
    damage: Callable[[Path], None], name: str, remedy: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table days as select range as day, repeat('x', 100) as text from range(200000)")
    damage(path)

    with pytest.raises(LoadError) as raised, explaining.plainly(tmp_path), warehouse.opened(path) as connection:
        connection.execute("select sum(day), max(text) from days").fetchall()

    assert str(path) in str(raised.value)
    assert remedy in str(raised.value)
    assert "close the program" not in str(raised.value)


def block(path: Path) -> None:
    """Blocks in the middle, which only a question finds: what opening reads lies at the ends."""
    content = bytearray(path.read_bytes())
    for middle in range(len(content) // 3, len(content) * 2 // 3, 2**18):
        content[middle : middle + 4096] = b"x" * 4096
    path.write_bytes(content)


def with_days(path: Path) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.days as select range as day, random() as r from range(2000000)")
    return path


def test_a_question_that_meets_a_damaged_block_names_the_file(tmp_path: Path) -> None:
    settings = read_settings(tillhouse_data_dir=tmp_path)
    for file in (settings.warehouse_file, settings.memory_file):
        with_days(file)
    block(settings.warehouse_file)

    with pytest.raises(LoadError, match=r"warehouse\.duckdb is damaged: move it away, and `tillhouse publish`"):
        query.ask(settings, "select sum(r) from days", output="csv", to=None, limit=1, console=Terminal())


def test_a_published_file_that_cannot_be_opened_is_not_passed_over(tmp_path: Path) -> None:
    """The private copy replaces a published file that is held, and no damaged one: people read that file too."""
    settings = read_settings(tillhouse_data_dir=tmp_path)
    for file in (settings.warehouse_file, settings.memory_file):
        with_days(file)
    flip(settings.warehouse_file)

    with pytest.raises(LoadError, match=r"warehouse\.duckdb cannot be opened"), publication.reading(settings):
        pass


@pytest.mark.parametrize("name", ["memory.duckdb", "work.duckdb"])
def test_a_damaged_block_of_no_file_that_duckdb_names_is_found(name: str, tmp_path: Path) -> None:
    for file in ("memory.duckdb", "work.duckdb"):
        with_days(tmp_path / file)
    block(tmp_path / name)

    found = told(duckdb.IOException("Corrupt database file: computed checksum 1 does not match"), tmp_path)

    assert str(found).startswith(f"{tmp_path / name} is damaged; the published file is unchanged")


@pytest.mark.parametrize("content", [b"\xff", b"[1]", b"{", b'{"faults": [{"x": 1}]}', b'{"accounts": 1}'])
def test_a_damaged_verdict_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "marts.tested").write_bytes(content)

    with pytest.raises(TransformError, match=r"marts\.tested is damaged: run `tillhouse transform` again"):
        read_verdict(tmp_path / "marts.tested")


def test_a_file_that_another_program_took_in_the_middle_is_told() -> None:
    found = told(behind(duckdb.IOException("IO Error: Could not set lock on file"), RuntimeError("of dlt")))

    assert str(found) == "data/work.duckdb is open in another program: close it, then run again"


def test_a_log_that_finds_no_room_makes_no_noise(tmp_path: Path) -> None:
    """In a process of its own: pytest takes what logging says of itself."""
    code = """
import logging, resource, sys
from pathlib import Path
from pipelines import logs
logs.set_up(Path(sys.argv[1]) / "logs", form="text", verbose=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
logging.getLogger("tillhouse").info("a line")
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True, timeout=60
    )

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a limit on files is POSIX's")
def test_a_disk_that_fills_up_under_duckdb_is_told(tmp_path: Path) -> None:
    """The limit on a file's size stands for the disk; a process of its own has it."""
    code = """
import resource, sys
from pathlib import Path
from pipelines import explaining, warehouse
resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))
folder = Path(sys.argv[1])
try:
    with explaining.plainly(folder), warehouse.opened(folder / "work.duckdb") as connection:
        connection.execute("create table t as select random() as i, random() as j from range(10_000_000)")
except Exception as error:
    print(type(error).__name__, error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True, timeout=120
    )

    assert ran.stdout.startswith(f"SpaceError The disk of {tmp_path} is full"), ran.stderr


def test_a_chain_of_errors_that_bites_its_tail_has_an_end() -> None:
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first

    assert list(chain(first)) == [first, second]
