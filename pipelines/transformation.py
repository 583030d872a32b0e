"""The models: dbt builds and tests them on the work file; the only module that imports dbt."""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from pipelines import project_files, stopping, warehouse
from pipelines.errors import ProjectError, TransformError
from pipelines.settings import BUILD_MEMORY, DBT_PROJECT, OWN_SETTINGS, WORK_FILE, Settings

PARSED: dict[tuple[Path, str], Any] = {}
"""The dbt project, by its folder and variables: parsing takes longer than building a small warehouse."""
PARSING = threading.Lock()

Without = dict[str, tuple[int, ...]]
"""Raw accounts by vendor that the models are built without."""

LOG_BYTES = 5_000_000
LOGGED = frozenset({"info", "warn", "error"})
"""Levels of dbt's log; debug would log every statement."""

WITH_VALUES = re.compile(r"(Conversion|Invalid Input|Out of Range|Constraint|Invalid type) Error")
"""Database errors with a message that quotes a value of a row."""
VALUE = re.compile(r"""'[^']*'|"[^"]*"|\b\d{4,}\b""")

FILE = re.compile(r"[\w./-]+\.(?:sql|ya?ml|csv|md)\b")
"""A file of the project, as dbt's sentences name it."""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")

OF_THE_MACHINE = re.compile(r"(IO|Out of Memory|INTERRUPT|FATAL|INTERNAL|Fatal|TransactionContext) Error")
"""Errors of the database that no account's rows cause."""
OF_MEMORY = "Out of Memory Error"

log = logging.getLogger("tillhouse")


@dataclass(frozen=True)
class Failed:
    """A node of the project that failed."""

    name: str
    """The one that dbt selects it by."""
    kind: str
    """dbt's resource type: model, seed or test."""
    path: str
    reason: str
    """The message of the database or of dbt, without values of rows."""
    is_error: bool
    """Whether it could not run at all; a test may also run and find rows."""
    sql: str = ""
    generic: str = ""
    of_model: str = ""
    columns: tuple[str, ...] = ()
    """Of a generic test: its own name, its model and the columns it looks at."""
    description: str = ""

    @property
    def is_of_the_machine(self) -> bool:
        return bool(OF_THE_MACHINE.match(self.reason))

    @property
    def lacked_memory(self) -> bool:
        return self.reason.startswith(OF_MEMORY)

    @property
    def label(self) -> str:
        """The node as a person finds it in the project."""
        name = f"{self.generic} of {self.of_model}" if self.generic else self.name
        return f"{self.kind} {name} ({self.path})"

    @property
    def sentence(self) -> str:
        return f"{self.label}: {self.reason}"


@dataclass(frozen=True)
class Results:
    """The result of a dbt command: failed nodes, and names of the nodes skipped above them."""

    failed: tuple[Failed, ...] = ()
    skipped: tuple[str, ...] = ()


def build_models(settings: Settings, without: Without, *, select: str | None = None) -> Results:
    """Build the seeds and models, or *select*, without some accounts. Tests run later, on all that is built."""
    unwanted = (part for kind in ("test", "unit_test") for part in ("--exclude-resource-type", kind))
    return _run_nodes(settings, without, select, "build", *unwanted)


def run_tests(settings: Settings, without: Without, *, select: str | None = None) -> Results:
    """Run the data tests, or *select*. Unit tests hold rules on made-up rows: they belong to the project's tests."""
    return _run_nodes(settings, without, select, "test", "--exclude-resource-type", "unit_test")


def _run_nodes(settings: Settings, without: Without, select: str | None, *words: str) -> Results:
    """Run what *words* ask of dbt, two nodes at a time.

    Those that lacked memory for it run again one at a time, and those that still did with half of the machine's.
    """
    chosen = ("--select", select) if select else ()
    results = _results(run_dbt(settings, *words, *chosen, without=without), settings)
    for memory in (warehouse.MEMORY_LIMIT, _half_of_the_memory()):
        lacking = [one for one in results.failed if one.lacked_memory]
        others = tuple(one for one in results.failed if not one.lacked_memory)
        if not lacking or (others and results.skipped):
            break
        log.info("%s; again, with no other at the same time and %s", lacking[0].sentence, memory)
        names = " ".join([*(one.name for one in lacking), *results.skipped])
        alone = run_dbt(settings, *words, "--threads", "1", "--select", names, without=without, memory=memory)
        again = _results(alone, settings)
        results = Results(others + again.failed, again.skipped)
    return results


def _half_of_the_memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 2**21} MiB"


def _results(answer: Any, settings: Settings) -> Results:
    """Raises ProjectError where dbt could not begin, with its own reason."""
    if answer.exception or answer.result is None:
        reason = _project_reason(str(answer.exception or "it gave no reason"))
        raise ProjectError(f"{reason}; details are in {log_file(settings)}")
    failed = tuple(_failed(row) for row in answer.result if row.status in {"error", "fail"})
    return Results(failed, tuple(row.node.name for row in answer.result if row.status == "skipped"))


def _failed(row: Any) -> Failed:
    node, told = row.node, getattr(row.node, "test_metadata", None)
    given = told.kwargs if told else {}
    return Failed(
        node.name,
        str(node.resource_type),
        node.original_file_path,
        _reason(row.message or ""),
        row.status == "error",
        getattr(node, "compiled_code", "") or "",  # A seed has none.
        told.name if told else "",
        _model_of(node) if told else "",
        tuple(given.get("columns") or filter(None, [given.get("column_name")])),
        node.description if told is None else "",
    )


def _model_of(node: Any) -> str:
    return str(node.attached_node or "").rpartition(".")[2]


def _reason(message: str) -> str:
    """The first sentence of *message* that says what is wrong, without values of rows."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    told = next((line for line in lines if not re.match(r"(Runtime|Compilation|Database|Parsing) Error", line)), "")
    return without_values(told or " ".join(lines))


def _project_reason(message: str) -> str:
    """The first sentence of *message* that says what is wrong with a file of the project, with the file."""
    reason = _reason(message)
    file = FILE.search(message)
    return reason if not file or file.group() in reason else f"{file.group()}: {reason}"


def without_values(sentence: str) -> str:
    """*sentence* of the database with the values that it quotes left out; names of columns and tables stay."""
    return VALUE.sub("…", sentence) if WITH_VALUES.search(sentence) else sentence


def run_dbt(
    settings: Settings, *words: str, without: Without | None = None, memory: str = warehouse.MEMORY_LIMIT
) -> Any:
    """What dbt answers to *words*, on the project as it was parsed once; *memory* is what the database may take."""
    from dbt.cli.main import dbtRunner

    if manifest := parse(settings):
        project_files.use(settings, manifest)
    with warehouse.opened(settings.work_file):
        pass  # One that another program holds is waited for, and told of here.
    with _logging(settings) as write:
        return _invoke(dbtRunner(manifest, callbacks=[write]), settings, *words, without=without, memory=memory)


def parse(settings: Settings) -> Any:
    """The project with the settings' variables; None where it cannot be parsed, which the next command tells."""
    from dbt.cli.main import dbtRunner

    project = (DBT_PROJECT, _variables(settings))
    with PARSING:
        if not PARSED.get(project):
            PARSED[project] = _invoke(dbtRunner(), settings, "parse").result
        return PARSED[project]


def _invoke(
    runner: Any,
    settings: Settings,
    *words: str,
    without: Without | None = None,
    memory: str = warehouse.MEMORY_LIMIT,
) -> Any:
    os.environ[WORK_FILE] = str(settings.work_file.absolute())
    os.environ[BUILD_MEMORY] = memory
    os.environ["DO_NOT_TRACK"] = "1"
    _take_any_path()
    folders = {
        "--project-dir": DBT_PROJECT,
        "--profiles-dir": DBT_PROJECT,
        "--target-path": settings.tillhouse_data_dir.absolute() / "dbt",
        "--log-path": settings.logs_dir.absolute(),
        "--vars": _variables(settings, without),
    }
    arguments = [str(part) for pair in folders.items() for part in pair]
    try:
        return runner.invoke(["--quiet", "--log-level", "none", *words, *arguments])
    finally:
        _let_go_of_the_work_file()
        stopping.check()  # dbt takes an interrupted model for one that failed.


def _take_any_path() -> None:
    """Let the work file be in a folder with a `#`: dbt-duckdb reads its path as an address, whose path ends there."""
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    DuckDBCredentials.path_derived_database_name = staticmethod(lambda path: Path(str(path)).stem)


def _variables(settings: Settings, without: Without | None = None) -> str:
    own = {name: getattr(settings, f"tillhouse_{name}") for name in OWN_SETTINGS}
    left_out = {"without_accounts": without} if without else {}
    return json.dumps({**settings.tillhouse_dbt_vars, **own, **left_out})


def _let_go_of_the_work_file() -> None:
    """Close dbt's connections: dbt keeps them open, and with them the file's lock."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()


def parse_in_background(settings: Settings) -> threading.Thread:
    """Importing dbt and parsing the project take seconds and no network: that fits beside the extraction."""
    thread = threading.Thread(target=parse, args=(settings,), name="dbt parse", daemon=True)
    thread.start()
    return thread


def log_file(settings: Settings) -> Path:
    return settings.logs_dir / "dbt.log"


@contextmanager
def _logging(settings: Settings) -> Iterator[Callable[[Any], None]]:
    """Write dbt's events to its log, without values of rows: dbt's own log file has them."""
    settings.logs_dir.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(log_file(settings), maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def write(event: Any) -> None:
        level = str(event.info.level)
        if level in LOGGED:
            told = "\n".join(without_values(COLOUR.sub("", line)) for line in event.info.msg.splitlines())
            handler.emit(logging.LogRecord("dbt", logging.getLevelName(level.upper()), "", 0, told, None, None))

    try:
        yield write
    finally:
        handler.close()


def refuse_untested(settings: Settings) -> None:
    if not tested_mark(settings).exists():
        raise TransformError("the marts are not built and tested: run `tillhouse transform` first")


def tested_mark(settings: Settings) -> Path:
    return settings.tillhouse_data_dir / "marts.tested"
