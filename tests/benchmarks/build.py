"""One build of the models in a process of its own: prints the CPU seconds of each model and data test as JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner

from pipelines import transformation
from pipelines.settings import Settings, read_settings

MODELS = ("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
TESTS = ("test", "--exclude-resource-type", "unit_test")
"""The commands of a night."""


class Clock:
    """CPU seconds of this process by dbt node; nodes must run one at a time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = 0.0

    def heard(self, event: Any) -> None:
        """Take an event of dbt's."""
        if event.info.name == "NodeStart":
            self._since = time.process_time()
        if event.info.name == "NodeFinished":
            self.seconds[event.data.node_info.node_name] = time.process_time() - self._since


def measure(settings: Settings) -> dict[str, float]:
    """Build and test what a night does, one node at a time, with the memory limit of the project's profile."""
    clock = Clock()
    for words in (MODELS, TESTS):
        runner = dbtRunner(transformation.parse(settings), callbacks=[clock.heard])
        result = transformation._invoke(runner, settings, *words, "--threads", "1").result
        failed = [f"{row.node.name}: {row.message}" for row in result if row.status in {"error", "fail"}]
        assert not failed, failed
    return clock.seconds


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(read_settings(tillhouse_data_dir=Path(sys.argv[1])))))
