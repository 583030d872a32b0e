"""What the marts say of themselves, for whoever opens the published file with a client of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import yaml

from pipelines.settings import DBT_PROJECT


def comments() -> Iterator[tuple[str, str, str]]:
    """(mart, column, description) of every column, and of every mart with no column's name."""
    for mart in _marts():
        yield mart["name"], "", mart["description"]
        for column in mart["columns"]:
            yield mart["name"], column["name"], column["description"]


@cache
def keys() -> dict[str, tuple[str, ...]]:
    """The columns that name a row, by mart."""
    tests = [(mart["name"], test) for mart in _marts() for test in mart.get("data_tests", ())]
    return {
        name: tuple(test["unique_combination"]["arguments"]["columns"])
        for name, test in tests
        if isinstance(test, dict) and "unique_combination" in test
    }


def _marts() -> Iterator[dict[str, Any]]:
    """Every mart as its YAML describes it. A file that is none describes nothing: dbt tells of it."""
    for path in sorted((DBT_PROJECT / "models" / "marts").glob("*.yml")):
        with suppress(yaml.YAMLError):
            yield from yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader).get("models", ())
