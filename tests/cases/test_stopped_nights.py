"""Ctrl-C and SIGTERM at any moment of a night: it stops, says what is kept, and the next brings the rest (case 67)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.stopping import GRACE
from tests.cases.served import CANARY, Served, debris, sentences, served, traces
from tests.kills.rig import lost_and_doubled

pytestmark = [pytest.mark.long, pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")]

Moment = Callable[[Path], bool]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("stopped") / "data") as made:
        yield made


def logged(text: str, times: int = 1) -> Moment:
    """Once dbt's log has *text* so often."""

    def reached(folder: Path) -> bool:
        log = folder / "logs" / "dbt.log"
        return log.exists() and log.read_text(errors="replace").count(text) >= times

    return reached


def there(pattern: str) -> Moment:
    return lambda folder: any(folder.glob(pattern))


MOMENTS: dict[str, Moment] = {
    "its first second": there("run.json"),
    "extract": there("scratch/*.jsonl"),
    "load": there("dlt/lightspeed/normalize/*/1*"),
    "the first models": logged("START sql"),
    "the middle of the models": logged("OK created", 100),
    "the last models": logged("OK created", 180),
    "the tests": logged("START test", 5),
    "publish": there("warehouse.duckdb.new"),
    "publish, the copy": there("memory.duckdb.new"),
}


def stop(shop: Served, folder: Path, moment: Moment, signum: int) -> tuple[int, str, float]:
    """(exit code, stderr, seconds from the signal) of a night that gets a signal at *moment*."""
    (folder / "logs" / "dbt.log").unlink(missing_ok=True)
    with shop.start(folder, "run") as process:
        try:
            while not moment(folder):
                assert process.poll() is None, "the night was over before the moment came"
                time.sleep(0.002)
            began = time.monotonic()
            process.send_signal(signum)
            _, said = process.communicate(timeout=60)
            return process.returncode, said, time.monotonic() - began
        except (AssertionError, subprocess.TimeoutExpired):
            process.kill()
            raise


def test_a_night_that_is_stopped_at_any_moment_is_finished_by_the_next(shop: Served, tmp_path: Path) -> None:
    """One after the other on one folder, Ctrl-C and SIGTERM by turns; then a night without a signal."""
    folder = shop.copy(tmp_path / "data")
    before = (folder / "warehouse.duckdb").read_bytes()

    for place, (name, moment) in enumerate(MOMENTS.items()):
        signum = (signal.SIGINT, signal.SIGTERM)[place % 2]
        code, said, seconds = stop(shop, folder, moment, signum)

        assert code == 128 + signum, (name, said)
        assert seconds < GRACE + 30, name
        [sentence] = sentences(said)
        assert sentence.startswith("note: stopping: what was fetched is kept, the published file is whole"), name
        assert "the next run goes on from there (`tillhouse run` again)" in sentence, name
        assert "Traceback" not in said, name
        assert (folder / "warehouse.duckdb").read_bytes() == before, name

    code, _, said = shop.typed(folder, "run")
    assert code == 0, said
    clean = shop.truth(tmp_path / "clean")
    found = shop.rows(folder)
    assert [lost_and_doubled(mine, theirs) for mine, theirs in zip(clean, found, strict=True)] == [{}, {}]
    assert CANARY not in traces(folder)
    assert debris(folder) == []
    _told(folder, len(MOMENTS))


def _told(folder: Path, stopped: int) -> None:
    """The ledger has each run, told as stopped, or as killed where it took longer to end than it may."""
    lines = [json.loads(line) for line in (folder / "logs" / "runs.jsonl").read_text().splitlines()]
    ended = [line for line in lines if line["status"] in {"failed", "killed"}]
    assert len(ended) == stopped
    assert {line["message"][:7] for line in ended} <= {"stopped", "the pro"}
    assert lines[-1]["status"] == "ok"
