"""A command that only reads makes nothing, says where it looked, and blocks no run (cases 41 and 66)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from filelock import FileLock

from pipelines.cli import main
from pipelines.warehouse import HOLDER, LOCK
from tests.cases.held import holding
from tests.conftest import Retail

READING = [
    ("status",),
    ("status", "--json"),
    ("accounts",),
    ("query", "select 1"),
    ("held",),
    ("reconcile",),
    ("channel-profile",),
    ("doctor",),
    ("doctor", "--json"),
]


def asked(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--data-dir", str(folder), *words])


@pytest.mark.parametrize("words", READING)
def test_a_folder_without_data_stays_away(words: tuple[str, ...], tmp_path: Path) -> None:
    result = asked(tmp_path / "data", *words)

    assert list(tmp_path.iterdir()) == []
    said = "".join(result.output.split())
    assert "Traceback" not in said
    if words != ("doctor",):  # Its table folds what is long.
        assert str(tmp_path / "data") in said
    if words == ("status",):
        assert str(tmp_path / ".env") in said


def test_accounts_of_no_folder_are_none_and_no_error(tmp_path: Path) -> None:
    assert (asked(tmp_path / "data", "accounts").exit_code, asked(tmp_path / "data", "held").exit_code) == (0, 1)


@pytest.mark.parametrize("words", [*READING[:7]])
def test_a_command_that_reads_needs_neither_the_work_file_nor_the_runs_lock(
    words: tuple[str, ...], traded: Retail
) -> None:
    """As a night has it: the work file is open for writing elsewhere, and the data folder is locked."""
    folder = traded.settings.tillhouse_data_dir
    holder = {"run_id": "20260301T061500.000000-1", "command": "run", "started_at": "2026-03-01T06:15:00+00:00"}
    (folder / HOLDER).write_text(json.dumps({**holder, "pid": 1}))

    with FileLock(folder / LOCK), holding(traded.settings.work_file, read_only=False):
        result = asked(folder, *words)

    (folder / HOLDER).unlink()
    assert result.exit_code in {0, 4}, result.output
    assert "error:" not in result.stderr
    if words == ("status",):
        assert "running" in result.stdout


@pytest.mark.parametrize("words", [("status",), ("query", "select 1"), ("held",), ("reconcile",), ("channel-profile",)])
def test_a_command_that_reads_answers_while_the_published_file_is_held(words: tuple[str, ...], traded: Retail) -> None:
    with holding(traded.settings.warehouse_file, read_only=False):
        result = asked(traded.settings.tillhouse_data_dir, *words)

    assert result.exit_code in {0, 4}, result.output
