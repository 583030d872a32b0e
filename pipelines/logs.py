"""Log lines: to stderr and to a file, as text or JSON; no secret and nobody's name in any."""

from __future__ import annotations

import errno
import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from pipelines.errors import NO_RIGHT
from pipelines.terminal import on_one_line

QUIET = {
    **dict.fromkeys(("httpx", "httpcore", "sqlglot", "uvicorn"), logging.WARNING),
    "dlt": logging.CRITICAL,
}
"""From which level libraries are logged that tell addresses with their queries, or, as dlt does of errors, values."""


UNWRITABLE = NO_RIGHT | {errno.EISDIR}


class TextFormatter(logging.Formatter):
    """One line; a trace says where and what kind, never an error's own words: they may quote a token or a name."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        return on_one_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        frames = "".join(line for trace in _traces(ei[1]) for line in trace)
        return frames.rstrip("\n")


class JsonFormatter(TextFormatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "message": record.getMessage()}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _traces(error: BaseException | None) -> Iterator[list[str]]:
    """The first cause first, as Python shows them."""
    if error is None:
        return
    yield from _traces(error.__cause__ or (None if error.__suppress_context__ else error.__context__))
    yield [*traceback.format_tb(error.__traceback__), f"{type(error).__module__}.{type(error).__qualname__}\n"]


def set_up(folder: Path, *, form: str, verbose: bool) -> None:
    """Every line goes to `folder/tillhouse.log`; stderr gets warnings without traces, and with *verbose* all.

    A folder that may not be written has no log: what only reads is not stopped by that, and what writes tells of it.
    """
    formatter = JsonFormatter() if form == "json" else TextFormatter("%(asctime)s %(levelname)s %(message)s")
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setLevel(logging.INFO if verbose else logging.WARNING)
    if not verbose:
        to_stderr.addFilter(lambda record: not record.exc_info)  # A sentence of its own tells of it.
    logger = logging.getLogger("tillhouse")
    for handler in logger.handlers:
        handler.close()
    logger.handlers = [*_to_file(folder), to_stderr]
    for handler in logger.handlers:
        handler.setFormatter(formatter)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    _silence_libraries(logger)
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)


def _silence_libraries(logger: logging.Logger) -> None:
    """Keep libraries' error logs and threads' exceptions off stderr: they hold tracebacks and values."""
    logging.raiseExceptions = False  # A line that finds no room on the disk is lost, without a trace of its own.
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())

    def note(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value:
            trace = failed.exc_type, failed.exc_value, failed.exc_traceback
            logger.error("in a thread", exc_info=trace)

    threading.excepthook = note


class _LogFile(RotatingFileHandler):
    """A log whose folder is made with its first line: a command that only reads makes no data directory."""

    def _open(self) -> Any:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()


def _to_file(folder: Path) -> list[logging.Handler]:
    path = folder / "tillhouse.log"
    try:
        is_late = not folder.parent.exists()
        if not is_late:
            folder.mkdir(exist_ok=True)
        return [_LogFile(path, maxBytes=10_000_000, backupCount=5, encoding="utf-8", delay=is_late)]
    except OSError as error:
        if error.errno in UNWRITABLE:
            return []
        raise
