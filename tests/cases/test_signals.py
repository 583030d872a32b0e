"""Ctrl-C and SIGTERM stop a run at any step within seconds, and say what is kept (case 67)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.stopping import GRACE

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")

COMMAND = """
import sys, time
from pipelines import run, stopping, warehouse
from pipelines.cli import main

def step(settings):
    STEP

def begun():
    print("begun", flush=True)

def transform(settings):
    with run.recorded(settings, "transform") as record:
        step(settings)
        record.status = "ok"
        return run.Outcome(record)

run.transform = transform
main(["--data-dir", sys.argv[1], "transform"])
"""

SQL = "select count(*) from range(10000000) a, range(10000000) b"

STEPS = {
    "waiting": "begun(); time.sleep(60)",
    "a query": f"""
    with warehouse.opened(settings.work_file) as connection:
        begun()
        connection.execute("{SQL}")
""",
    "a query that is retried": f"""
    with warehouse.opened(settings.work_file) as connection:
        begun()
        for _ in range(3):
            try:
                connection.execute("{SQL}")
            except Exception:
                continue
""",
    "extract": """
    import asyncio
    from pipelines.extraction import Extraction

    class Walk:
        account_id = 1

        def tables(self):
            return {"sale": self.endless}

        async def endless(self, deliver):
            begun()
            await asyncio.sleep(60)

    async def close():
        pass

    list(Extraction([Walk()], close=close).slices())
""",
    "dlt": """
    import duckdb, threading
    from dlt.common.runtime.signals import intercepted_signals, raise_if_signalled, sleep

    with intercepted_signals():
        begun()
        while True:
            sleep(0.2)
            raise_if_signalled()
""",
    "dlt in a long merge": f"""
    import duckdb
    from dlt.common.runtime.signals import intercepted_signals

    with intercepted_signals(), duckdb.connect() as connection:
        begun()
        connection.execute("{SQL}")
""",
    "what takes no signal": """
    begun()
    while True:
        try:
            time.sleep(60)
        except BaseException:
            continue
""",
}


def stopped(folder: Path, step: str, *signals: int) -> tuple[int, str, float]:
    """(exit code, stderr, seconds from the first signal) of a command that is within *step*."""
    code = COMMAND.replace("    STEP", f"    {step.strip()}")
    command = [sys.executable, "-c", code, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n", process.stderr and process.stderr.read()
        time.sleep(0.3)
        began = time.monotonic()
        for signum in signals:
            process.send_signal(signum)
            time.sleep(0.05)
        _, said = process.communicate(timeout=60)
        return process.returncode, said, time.monotonic() - began


@pytest.mark.parametrize("name", STEPS)
def test_a_run_stops_within_seconds_wherever_it_is(name: str, tmp_path: Path) -> None:
    code, said, seconds = stopped(tmp_path / "data", STEPS[name], signal.SIGINT)

    assert code == 130, said
    assert seconds < GRACE + 30
    assert said.count("stopping: what was fetched is kept") == 1
    assert "the next run goes on from there" in said
    assert "Traceback" not in said
    assert "unexpected" not in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("name", ["waiting", "a query", "what takes no signal"])
def test_sigterm_is_told_as_a_shell_tells_it(name: str, tmp_path: Path) -> None:
    code, said, _ = stopped(tmp_path / "data", STEPS[name], signal.SIGTERM)

    assert code == 143, said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("name", ["waiting", "extract", "dlt"])
def test_a_second_signal_breaks_nothing_that_the_first_began(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"

    code, said, seconds = stopped(folder, STEPS[name], signal.SIGINT, signal.SIGINT, signal.SIGTERM)

    assert code == 130, said
    assert seconds < GRACE + 30
    assert len(said.splitlines()) == 1
    [line] = (folder / "logs" / "runs.jsonl").read_text().splitlines()
    assert (json.loads(line)["status"], json.loads(line)["message"]) == ("failed", "stopped by SIGINT")


def test_the_next_run_goes_on_behind_one_that_took_no_signal(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    stopped(folder, STEPS["what takes no signal"], signal.SIGINT)

    code, _, _ = stopped(folder, "begun()")

    lines = [json.loads(line) for line in (folder / "logs" / "runs.jsonl").read_text().splitlines()]
    assert next(line["status"] for line in lines) == "killed"
    assert code == 0
