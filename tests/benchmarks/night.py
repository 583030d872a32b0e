"""One night of a demo's world in a process of its own: prints the CPU seconds of each step as JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import httpx

from pipelines import demo, run
from pipelines.run import Options, Report
from pipelines.settings import read_settings


class Clock:
    """CPU seconds of this process by the step of the night that spent them."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {"start": time.process_time()}
        self._step, self._since = "", 0.0

    def step(self, name: str) -> None:
        """End the running step and begin *name*."""
        now = time.process_time()
        if self._step:
            self.seconds[self._step] = self.seconds.get(self._step, 0.0) + now - self._since
        self._step, self._since = name, now


def main(data_dir: Path, sales: int, days: int) -> None:
    """Run a night *days* after the last one, against a sandbox whose CPU time is not counted."""
    clock = Clock()
    settings = read_settings(
        tillhouse_data_dir=data_dir,
        tillhouse_reporting_currency=demo.CURRENCY,
        tillhouse_dbt_vars={"exchange_rate_days": demo.RATE_DAYS},
    )
    with demo._sandbox(settings, sales) as url:
        for _ in range(days):
            httpx.post(f"{url}/sandbox/tomorrow", timeout=60).raise_for_status()
        asked = demo._connected(settings, url)
        clock.step("extract")
        outcome = run.night(asked, Options(), Report(step=clock.step))
        clock.step("")
    record = outcome.record
    facts = {"seconds": clock.seconds, "status": record.status, "message": record.message, "rows": record.rows_loaded}
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
