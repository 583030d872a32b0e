"""A full disk in any step: one sentence, the published file as it was, nothing left behind (cases 37 and 68)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cases.served import CANARY, Served, debris, sentences, served, traces
from tests.kills.rig import Rows, lost_and_doubled

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a disk needs root"),
]

DISK_MB, KB, MB = 400, 1024, 1024**2
BALLAST = "ballast"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("disks") / "data") as made:
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a disk is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def almost_full(disk: Path, left: int) -> Iterator[None]:
    """*left* bytes are free while the block runs."""
    ballast = disk / BALLAST
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - left)
    yield
    ballast.unlink()


@pytest.fixture(scope="module")
def prepared(shop: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Served]:
    """By the step that comes next: the shop after the steps before it."""
    before = {"extract": shop, "run": shop}
    for done, step in (("extract", "transform"), ("transform", "publish")):
        folder = before[done].copy(tmp_path_factory.mktemp(done) / "data")
        assert shop.typed(folder, done)[0] == 0
        before[step] = Served(shop.at(folder), shop.url)
    return before


@pytest.mark.parametrize(
    ("step", "left"),
    [
        ("extract", 0),
        ("extract", 100 * KB),
        ("extract", 2 * MB),
        ("transform", 0),
        ("transform", 1 * MB),
        ("transform", 4 * MB),
        ("publish", 0),
        ("publish", 3 * MB),
        ("publish", 14 * MB),
        ("run", 6 * MB),
        ("run", 40 * MB),
    ],
)
def test_a_full_disk_is_one_sentence_and_the_next_run_with_space_brings_all(
    step: str, left: int, prepared: dict[str, Served], clean: tuple[Rows, Rows], disk: Path
) -> None:
    shop = prepared[step]
    folder = shop.copy(disk / "data")
    before = (folder / "warehouse.duckdb").read_bytes()

    with almost_full(disk, left):
        code, shown, said = shop.typed(folder, step)
        assert (folder / "warehouse.duckdb").read_bytes() == before
        assert debris(folder) == []

    assert sentences(said) == [
        f"error: The disk of {folder} is full; the published file is unchanged; free some space and run again."
    ], said
    assert code == 1
    assert "Traceback" not in shown + said
    assert CANARY not in shown + said + traces(folder)
    code, _, said = shop.typed(folder, "run")
    assert code == 0, said
    found = shop.rows(folder)
    assert [lost_and_doubled(mine, theirs) for mine, theirs in zip(clean, found, strict=True)] == [{}, {}]
    assert debris(folder) == []


@pytest.fixture(scope="module")
def clean(shop: Served, tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Rows]:
    """What the second night brings where there is room."""
    return shop.truth(tmp_path_factory.mktemp("clean") / "data")
