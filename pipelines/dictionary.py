"""What the marts say of themselves, for whoever opens the published file with a client of their own."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from pipelines.settings import DBT_PROJECT


def comments() -> Iterator[tuple[str, str, str]]:
    """(mart, column, description) of every column, and of every mart with no column's name."""
    for path in sorted((DBT_PROJECT / "models" / "marts").glob("*.yml")):
        told = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        for mart in told.get("models", ()):
            yield mart["name"], "", mart["description"]
            for column in mart["columns"]:
                yield mart["name"], column["name"], column["description"]
