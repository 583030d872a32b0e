"""Files that another program holds are waited for a while: who only reads must not stop a night."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb

from pipelines.causes import chain

T = TypeVar("T")

PAUSE = 0.2

log = logging.getLogger("tillhouse")


class Waiting:
    """How many seconds a held file is waited for; set once by the command, from its settings."""

    seconds = 60.0


HELD = ("Could not set lock", "used by another process")


def is_held(error: BaseException) -> bool:
    """Whether DuckDB says, itself or to dlt, that another program has the file."""
    return any(isinstance(one, duckdb.IOException) and any(text in str(one) for text in HELD) for one in chain(error))


def patiently(opened: Callable[[], T], path: Path) -> T:
    """Return the result of *opened* once *path* is free. Raises its last error if the wait ends first."""
    until = time.monotonic() + Waiting.seconds
    is_told = False
    while True:
        try:
            return opened()
        except Exception as error:
            if not is_held(error) or time.monotonic() >= until:
                raise
        if not is_told:
            log.warning("%s is open in another program: waiting up to %.0f s for it", path, Waiting.seconds)
            is_told = True
        time.sleep(PAUSE)
