"""What a stranger sees in the first two minutes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long


def typed(folder: Path, *words: str) -> Any:
    command = [sys.executable, "-m", "pipelines.cli", "--data-dir", str(folder), *words]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=240).stdout)


def demo(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = typed(folder, "demo", "--sales", "400", "--json")
    return facts


def test_two_demo_nights_over_http_agree_with_the_sandbox_and_the_second_fetches_what_changed(tmp_path: Path) -> None:
    first, second = demo(tmp_path / "data"), demo(tmp_path / "data")

    assert (first["night"], second["night"]) == (1, 2)
    for shown in (first, second):
        assert shown["differences"] == []
        assert shown["compared"] > 1_000
        assert shown["run"]["status"] == "ok"
    assert 0 < second["run"]["rows_loaded"] < first["run"]["rows_loaded"]


def test_marts_that_are_built_again_in_the_demos_folder_are_the_demos(tmp_path: Path) -> None:
    folder, asked = tmp_path / "data", "select distinct reporting_currency from revenue_by_location_daily"
    demo(folder)
    shown = typed(folder, "query", asked, "-o", "json")

    typed(folder, "transform", "--json")
    typed(folder, "publish", "--json")

    assert typed(folder, "query", asked, "-o", "json") == shown == [{"reporting_currency": "USD"}]
