"""A process with dlt and dbt imported that forks a run for each order; each may be killed and hurts no other."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dbt.adapters.duckdb
import dbt.cli.main  # noqa: F401 - imported once, for every child
import dlt.destinations  # noqa: F401

from pipelines import extraction, run
from pipelines.run import Options, Report
from pipelines.settings import Settings, read_settings
from pipelines.sources.lightspeed import walks
from tests.kills.points import Points

STEPS: dict[str, Callable[[Settings], Any]] = {
    "night": lambda settings: run.night(settings, Options(), Report()),
    "extract": lambda settings: run.extract(settings, Options(), Report()),
    "transform": run.transform,
    "publish": run.publish,
}


def main() -> None:
    """An order is a line of JSON; so is what became of it."""
    for line in sys.stdin:
        order = json.loads(line)
        started = time.monotonic()
        child = os.fork()
        if not child:
            _obey(order)
        _, status = os.waitpid(child, 0)
        answer = {"code": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - started}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _obey(order: dict[str, Any]) -> None:
    """Run the order's step in this child, and never come back."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    settings = read_settings(**order["settings"])
    extraction.SLICE_ROWS, walks.BATCH_ROWS = order["slice_rows"], order["batch_rows"]
    points = Points(settings.tillhouse_data_dir, order["kill"] and (order["kill"][0], order["kill"][1]))
    points.watch()
    code = 0
    try:
        STEPS[order["step"]](settings)
    except BaseException:  # noqa: BLE001 - whatever it was, this child is not to go on
        traceback.print_exc()
        code = 1
    if order["found"]:
        Path(order["found"]).write_text(json.dumps(points.passed))
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
