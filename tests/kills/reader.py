"""Someone who queries the published file in a loop, whatever is done to it; says at the end what was seen."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import duckdb

WHOLE = """
select
    (select count(*) from duckdb_tables() where schema_name = 'marts') as marts,
    (select count(*) from marts.pipeline_runs) as runs,
    (select max(run_id) from marts.pipeline_runs) as newest_run,
    (select count(*) from marts.fct_orders) as orders,
    (select sum(total_sales) from marts.revenue_by_location_daily) as by_location,
    (select sum(total_sales) from marts.revenue_by_channel_daily) as by_channel
"""
"""What only a whole file answers, and each publication answers in its own way: it names its run."""


def state_of(file: Path) -> str:
    """The file's answer. Raises what a reader would see, and AssertionError where marts disagree."""
    with duckdb.connect(str(file), read_only=True) as con:
        answer = con.execute(WHOLE).fetchall()[0]
    assert answer[-2] == answer[-1], answer
    return str(answer)


def _await_the_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def main() -> None:
    """Read the file named by the first argument until standard input ends."""
    file, ended = Path(sys.argv[1]), threading.Event()
    threading.Thread(target=_await_the_end, args=(ended,), daemon=True).start()
    queries, failures, states = 0, list[str](), set[str]()
    while not ended.is_set():
        if not states and not file.exists():
            time.sleep(0.01)
            continue
        queries += 1
        try:
            states.add(state_of(file))
        except (duckdb.Error, AssertionError) as error:
            failures.append(repr(error))
        time.sleep(0.005)
    sys.stdout.write(json.dumps({"queries": queries, "failures": failures, "states": sorted(states)}))


if __name__ == "__main__":
    main()
