"""A command that only reads makes nothing, and says where it looked (case 41)."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pipelines.cli import main


@pytest.mark.parametrize("words", [("status",), ("accounts",), ("status", "--json"), ("query", "select 1")])
def test_a_folder_without_data_stays_away(words: tuple[str, ...], tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--data-dir", str(tmp_path / "data"), *words])

    assert list(tmp_path.iterdir()) == []
    if words[0] == "status":
        said = result.stdout.replace("\n", "")
        assert str(tmp_path / "data") in said
        assert str(tmp_path / ".env") in said
