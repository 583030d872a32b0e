"""`make bench`: measure builds and nights, write docs/benchmarks.md, fail where a slope is too steep."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from pipelines import run, warehouse
from pipelines.sandbox.world import Plan
from pipelines.settings import Settings, read_settings
from tests.benchmarks.measured import LARGER, SMALLER, Growth, Sample, Seconds, growths, samples
from tests.benchmarks.multiplied import multiply
from tests.benchmarks.page import PAGE, page, verdict
from tests.conftest import retail

NIGHTS = {"first": 0, "second": 1, "empty": 0}
"""The nights of a new world in their order, and how many days pass before each."""


def main() -> int:
    """Measure, write the page, and return the exit status."""
    asked = _asked()
    with tempfile.TemporaryDirectory(prefix="tillhouse-bench-") as name:
        folder = Path(name)
        found, sales = _growths(folder, asked.sales, asked.repeats)
        nights = _nights(folder, asked.night_sales, asked.repeats)
    PAGE.write_text(page(found, nights, sales, asked.repeats), encoding="utf-8")
    _say(f"{verdict(found)} {PAGE} has all of it.")
    return int(any(one.is_steep for one in found))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="how often each build and night is measured")
    parser.add_argument("--sales", type=int, default=6_000, help="sales of the world that is multiplied")
    parser.add_argument("--night-sales", type=int, default=12_000, help="sales of the world of the nights")
    return parser.parse_args()


def _growths(folder: Path, sales: int, repeats: int) -> tuple[list[Growth], int]:
    """The growth of each model, and how many sales and orders the world that was multiplied has."""
    one = _world(folder / "one", sales)
    empty = read_settings(tillhouse_data_dir=folder / "empty")
    empty.tillhouse_data_dir.mkdir()
    duckdb.connect(str(empty.work_file)).close()
    run.transform(empty)
    sizes = [empty, _copy(one, folder / "smaller", SMALLER), _copy(one, folder / "larger", LARGER)]
    return growths(*([_build(size) for _ in range(repeats)] for size in sizes)), _orders(sizes[1]) // SMALLER


def _world(folder: Path, sales: int) -> Settings:
    """Raw tables of a world with online stores."""
    made = retail(folder, Plan(sales=sales, days=365), online=True)
    made.extract()
    made.store.close()
    run.transform(made.settings)
    return made.settings


def _copy(one: Settings, folder: Path, times: int) -> Settings:
    folder.mkdir()
    shutil.copy(one.work_file, folder)
    copied = read_settings(tillhouse_data_dir=folder)
    multiply(copied.work_file, times)
    return copied


def _build(settings: Settings) -> Seconds:
    """CPU seconds by model and test of a build of everything."""
    _say(f"building {settings.tillhouse_data_dir.name}")
    seconds: Seconds = _measured("build", settings.tillhouse_data_dir)
    return seconds


def _orders(settings: Settings) -> int:
    with warehouse.opened(settings.work_file, read_only=True) as connection:
        [(orders,)] = connection.execute("select count(*) from marts.fct_orders").fetchall()
    return int(orders)


def _nights(folder: Path, sales: int, repeats: int) -> dict[str, dict[str, Sample]]:
    """Each night's steps."""
    runs: dict[str, list[Seconds]] = {name: [] for name in NIGHTS}
    for number in range(repeats):
        for name, days in NIGHTS.items():
            _say(f"{name} night")
            night = _measured("night", folder / f"nights-{number}", sales, days)
            assert night["status"] == "ok", night
            runs[name].append({**night["seconds"], "all": sum(night["seconds"].values())})
    return {name: samples(found) for name, found in runs.items()}


def _measured(module: str, *words: object) -> Any:
    """What a process of its own measured; its errors go to the terminal."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201 - a command of its own


if __name__ == "__main__":
    sys.exit(main())
