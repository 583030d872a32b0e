"""What the marts say of themselves, for whoever opens the published file with a client of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

MARTS = Path(__file__).parent.parent / "dbt_project" / "models" / "marts"


def comments() -> Iterator[tuple[str, str, str]]:
    """(mart, column, description) of every column, and of every mart with no column's name."""
    for path in sorted(MARTS.glob("*.yml")):
        told = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        for mart in told.get("models", ()):
            yield mart["name"], "", mart["description"]
            for column in mart["columns"]:
                yield mart["name"], column["name"], column["description"]
