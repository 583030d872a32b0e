"""Another program that has a database file open."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CODE = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "True")
print("open", flush=True)
sys.stdin.read()
connection.close()
"""


class Waits(logging.Handler):
    """What is logged of waiting for a file; the first such line lets go of it."""

    def __init__(self, holder: subprocess.Popen[str]) -> None:
        super().__init__()
        self._holder = holder
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "is open in another program: waiting" in record.getMessage():
            self.lines.append(record.getMessage())
            assert self._holder.stdin
            self._holder.stdin.close()


@contextmanager
def holding(file: Path, *, read_only: bool) -> Iterator[subprocess.Popen[str]]:
    """Have *file* open in another process while the block runs."""
    command = [sys.executable, "-c", CODE, str(file), str(read_only)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.stdin.close()


@contextmanager
def holding_until_waited_for(file: Path, *, read_only: bool) -> Iterator[list[str]]:
    """Have *file* open in another process until tillhouse logs that it waits for it; what it logs of that."""
    logger = logging.getLogger("tillhouse")
    with holding(file, read_only=read_only) as process:
        waits = Waits(process)
        logger.addHandler(waits)
        try:
            yield waits.lines
        finally:
            logger.removeHandler(waits)
