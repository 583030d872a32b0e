"""What tillhouse keeps can be read by its owner alone (case 33)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import modes, query
from pipelines.terminal import Terminal
from tests.conftest import Retail

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")


@pytest.fixture(autouse=True)
def _lax_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def open_to_others(folder: Path) -> list[str]:
    return sorted(
        f"{path.relative_to(folder)} {mode(path):o}"
        for path in [folder, *folder.rglob("*")]
        if not path.is_symlink() and mode(path) & 0o077
    )


def test_after_nights_nothing_but_the_published_file_is_open_to_others(traded: Retail) -> None:
    folder = traded.settings.tillhouse_data_dir

    found = open_to_others(folder)

    assert mode(folder) == 0o700
    assert [one for one in found if not one.startswith("warehouse.duckdb ")] == []
    assert {mode(path) for path in folder.rglob("*") if path.is_dir()} == {0o700}
    assert {"landing", "dlt", "dbt", "logs", "tokens", "work.duckdb"} <= {path.name for path in folder.iterdir()}


def test_whatever_is_made_meanwhile_is_the_owners_and_the_users_umask_comes_back(tmp_path: Path) -> None:
    with modes.owner_only(), modes.owner_only():
        (tmp_path / "folder" / "inner").mkdir(parents=True)
        (tmp_path / "folder" / "file").touch()
    (tmp_path / "after").touch()

    assert [mode(tmp_path / name) for name in ("folder", "folder/inner", "folder/file", "after")] == [
        *(0o700, 0o700, 0o600, 0o644)
    ]


def test_a_folder_of_an_older_version_is_closed_with_all_that_is_in_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "landing" / "lightspeed").mkdir(parents=True)
    for name in ("work.duckdb", "warehouse.duckdb", "landing/lightspeed/1.zst"):
        (data / name).touch()
    (tmp_path / "elsewhere").touch()
    (data / "warehouse.duckdb.wal").symlink_to(tmp_path / "elsewhere")

    modes.tighten(data, {data / "warehouse.duckdb"})

    assert open_to_others(data) == ["warehouse.duckdb 644"]
    assert (mode(data), mode(data / "work.duckdb")) == (0o700, 0o600)
    assert mode(tmp_path / "elsewhere") == 0o644


def test_a_folder_through_which_others_may_pass_stays_so(tmp_path: Path) -> None:
    """That is how its owner lets others read the published file, by its path alone."""
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o711)
    (data / "work.duckdb").touch()

    modes.tighten(data, ())

    assert (mode(data), mode(data / "work.duckdb")) == (0o711, 0o600)


def test_a_folder_that_is_not_tillhouses_alone_keeps_its_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    (data / "within").mkdir(parents=True)
    (data / "work.duckdb").touch()

    monkeypatch.chdir(data / "within")
    modes.tighten(data, ())
    monkeypatch.chdir(tmp_path)
    data.chmod(0o1777)
    modes.tighten(data, ())

    assert (mode(data), mode(data / "work.duckdb")) == (0o1777, 0o600)


def test_an_answer_that_is_asked_for_has_the_users_own_mode(traded: Retail, tmp_path: Path) -> None:
    with modes.owner_only():
        query.ask(traded.settings, "select 1", output="csv", to=tmp_path / "x.csv", limit=1, console=Terminal())

    assert mode(tmp_path / "x.csv") == 0o644
