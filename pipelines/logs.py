"""Log lines: to stderr and to a file, as text or JSON; no secret and nobody's name in any."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

CHATTY = ("httpx", "httpcore", "dlt", "sqlglot", "uvicorn")
"""Libraries that log addresses with their queries, or more than anyone reads."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "message": record.getMessage()}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def set_up(folder: Path, *, form: str, verbose: bool) -> None:
    """Every line goes to `folder/tillhouse.log`; stderr gets warnings, and with *verbose* all."""
    folder.mkdir(parents=True, exist_ok=True)
    formatter = JsonFormatter() if form == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    to_file = RotatingFileHandler(folder / "tillhouse.log", maxBytes=10_000_000, backupCount=5, encoding="utf-8")
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setLevel(logging.INFO if verbose else logging.WARNING)
    logger = logging.getLogger("tillhouse")
    for handler in logger.handlers:
        handler.close()
    logger.handlers = [to_file, to_stderr]
    for handler in logger.handlers:
        handler.setFormatter(formatter)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
