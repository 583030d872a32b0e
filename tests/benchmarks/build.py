"""One build of the models in a process of its own: prints the CPU seconds of each model and data test as JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner

from pipelines import transformation
from pipelines.settings import read_settings


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


def main(data_dir: Path) -> None:
    """Build what a night builds, with one thread of dbt's and the memory limit of the project's profile."""
    settings, clock = read_settings(tillhouse_data_dir=data_dir), Clock()
    runner = dbtRunner(transformation.parse(settings), callbacks=[clock.heard])
    words = ("build", "--exclude-resource-type", "unit_test", "--threads", "1")
    result = transformation._invoke(runner, settings, *words)
    failed = [row.node.name for row in result.result if row.status in {"error", "fail"}]
    assert not failed, failed
    sys.stdout.write(json.dumps(clock.seconds))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
