"""docs/benchmarks.md, as the benchmarks write it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.measured import LARGER, MEASURABLE, MOST, SMALLER, Growth, Sample

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"

LIBRARIES = ("duckdb", "dbt-core", "dbt-duckdb", "dlt")

STEPS = ("start", "extract", "load", "transform", "reconcile", "publish")


def page(found: Sequence[Growth], nights: Mapping[str, Mapping[str, Sample]], sales: int, repeats: int) -> str:
    """The whole page."""
    return "\n".join([*_head(repeats), *_growth(found, sales), *_nights(nights), ""])


def verdict(found: Sequence[Growth]) -> str:
    """One sentence on the slopes."""
    if steep := [f"{one.name} ({one.slope:.2f})" for one in found if one.is_steep]:
        return f"Steeper than {MOST}: {', '.join(steep)}."
    return f"No slope is above {MOST}."


def _head(repeats: int) -> list[str]:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return [
        "# Benchmarks",
        "",
        "`make bench` writes this page.",
        "Numbers are CPU seconds, not seconds of the clock: other work on the machine changes them less.",
        "With more than one run a number is the median, with the least and the most in brackets.",
        "",
        f"- Date: {datetime.now(UTC):%Y-%m-%d}, runs: {repeats}",
        f"- Machine: {_processor()}, {os.cpu_count()} cores, {_memory_gb():.0f} GB, {platform.system()}",
        f"- Load average over 15 minutes when the page was written: {os.getloadavg()[2]:.1f}",
        f"- Python {platform.python_version()}, {libraries}",
        "",
    ]


def _growth(found: Sequence[Growth], sales: int) -> list[str]:
    shown = [one for one in found if one.slope is not None]
    rows = [f"| {one.name} | {one.empty} | {one.smaller} | {one.larger} | {one.slope:.2f} |" for one in shown]
    return [
        "## Models against the number of sales",
        "",
        f"A world of {sales:,} sales and orders, two accounts and three online stores is multiplied in its raw tables.",
        f"Its copies by {SMALLER} and {LARGER} have new ids and the same days, shops and kinds of tickets.",
        "Each build runs in a process of its own, one model at a time, with the 512 MB of the project's profile.",
        f"The slope is the exponent between x{SMALLER} and x{LARGER} beyond the time of an empty world.",
        "It is taken from the least of each, since other work on the machine only adds.",
        f"1 is linear, 2 is quadratic; at most {MOST} passes.",
        f"Models below {MEASURABLE:.0f} s at x{LARGER} are in the first row and have no slope of their own.",
        "",
        f"**{verdict(found)}**",
        "",
        f"| model or test | empty | x{SMALLER} | x{LARGER} | slope |",
        "|---|---:|---:|---:|---:|",
        *rows,
        "",
    ]


def _nights(nights: Mapping[str, Mapping[str, Sample]]) -> list[str]:
    nothing = Sample((0.0,))
    steps = {step: [str(night.get(step, nothing)) for night in nights.values()] for step in (*STEPS, "all")}
    rows = [f"| {step} | {' | '.join(cells)} |" for step, cells in steps.items()]
    return [
        "## Nights by step",
        "",
        "Nights of the demo's world, each in a process of its own, against the sandbox in another that is not counted.",
        "The first night loads everything, the second one day more, and before the empty one nothing changed.",
        "`start` is Python and the imports; parsing the dbt project runs beside the extraction and is counted there.",
        "",
        f"| step | {' | '.join(nights)} |",
        f"|---|{'---:|' * len(nights)}",
        *rows,
    ]


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
