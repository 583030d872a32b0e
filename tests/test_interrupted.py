"""After a crash the next run finds everything; where dlt's own folder is damaged it does without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlt
import pytest

from pipelines.sources import interrupted
from tests.conftest import Retail


def folder_of(made: Retail) -> Path:
    return made.settings.tillhouse_data_dir / "dlt" / "lightspeed"


@pytest.fixture
def stopped(small: Retail, monkeypatch: pytest.MonkeyPatch) -> Retail:
    """A retailer whose second night ended with its rows packed and its cursors moved, before they were loaded."""
    small.extract()
    small.tomorrow()

    def power_cut(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(dlt.Pipeline, "load", power_cut)
        with pytest.raises(KeyboardInterrupt):
            small.extract()
    assert list(folder_of(small).glob("load/normalized/*/new_jobs/sale.*.parquet"))
    assert interrupted.has_packages(folder_of(small))
    return small


def assert_every_sale_is_there(made: Retail) -> None:
    told = {(account, sale["saleID"]) for account in made.store.accounts() for sale in made.store.all(account, "Sale")}

    found = [(row["account_id"], row["sale_id"]) for row in made.table("raw_lightspeed.sale")]
    assert sorted(found) == sorted(told)


def test_what_was_packed_is_loaded_and_the_package_is_gone(stopped: Retail) -> None:
    stopped.extract()

    assert_every_sale_is_there(stopped)
    assert not interrupted.has_packages(folder_of(stopped))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_rows(folder: Path) -> None:
    for path in folder.glob("load/normalized/*/new_jobs/sale.*.parquet"):
        cut(path)


def cut_state(folder: Path) -> None:
    cut(folder / "state.json")


def cut_schema(folder: Path) -> None:
    for path in folder.glob("load/normalized/*/schema.json"):
        cut(path)


@pytest.mark.parametrize("damage", [cut_rows, cut_state, cut_schema])
def test_a_damaged_package_is_fetched_again(stopped: Retail, damage: Callable[[Path], None]) -> None:
    """A power cut can leave files that are shorter than they were; the work file's own cursors have not moved."""
    damage(folder_of(stopped))

    stopped.extract()

    assert_every_sale_is_there(stopped)


def test_a_work_file_that_is_gone_is_read_anew(small: Retail) -> None:
    """The cursors that dlt keeps beside it would have skipped everything before them."""
    small.extract()
    small.settings.work_file.unlink()

    small.extract()

    assert_every_sale_is_there(small)


def test_nothing_of_earlier_runs_piles_up_with_dlt(small: Retail) -> None:
    """Each run begins from the work file: packages that were loaded, and halves of extractions, are not kept."""
    small.extract()
    loaded = len(list(folder_of(small).glob("load/loaded/*/")))
    (folder_of(small) / "normalize" / "0123456789abcdef").mkdir()
    small.extract()

    assert [path.name for path in folder_of(small).glob("normalize/*/")] == ["extracted"]
    assert len(list(folder_of(small).glob("load/loaded/*/"))) == loaded
