"""Cases 5 and 9 and their classes: one account's broken rows cost its own night and no other account's."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import run
from pipelines.publication import OPERATIONS
from pipelines.sandbox.world import Plan
from tests.conftest import Retail, retail
from tests.test_late_truth import Edits, sale_rung_up_for_a_past_day, void_that_moves_no_clock
from tests.test_publication import holding, tell

BROKEN, DOUBLED, JUNK, WELL = 120001, 7, 8, 230002
"""Accounts by what is wrong with their rows: an identity, a key, a value that a model cannot cast, nothing."""

DAMAGE = {
    BROKEN: "update raw_lightspeed.sale set calc_tax1 = null where account_id = {0} and sale_id = 1",
    DOUBLED: "insert into raw_lightspeed.sale select * from raw_lightspeed.sale where account_id = {0} and sale_id = 1",
    JUNK: "update raw_lightspeed.sale_line set unit_quantity = 99999999999999, unit_price = 99999999999999 "
    "where account_id = {0} and sale_id = 1",
}

RUN = re.compile(r"\d{8}T\d{6}\.\d{6}-\d+")
RUN_COLUMNS = {"run_id", "_run_id", "seen_at", "first_seen_at", "last_seen_at", "valid_from", "valid_to"}


def invent(made: Retail, *accounts: int) -> None:
    """More accounts: each with the raw rows of the first, as they are now."""
    with duckdb.connect(str(made.settings.work_file)) as con:
        tables = con.execute(
            "select table_name from duckdb_columns() "
            "where schema_name = 'raw_lightspeed' and column_name = 'account_id'"
        ).fetchall()
        for (table,) in tables:
            for account in accounts:
                con.execute(f"delete from raw_lightspeed.{table} where account_id = {account}")
                con.execute(
                    f"insert into raw_lightspeed.{table} select * replace ({account} as account_id) "
                    f"from raw_lightspeed.{table} where account_id = {BROKEN}"
                )


def beside(made: Retail, folder: Path) -> Retail:
    """Another data directory as *made*'s is now."""
    shutil.copytree(made.settings.tillhouse_data_dir, folder)
    return Retail(made.store, made.app, made.settings.model_copy(update={"tillhouse_data_dir": folder}))


def build(made: Retail) -> run.Outcome:
    run.transform(made.settings)
    return run.publish(made.settings)


def rows(made: Retail, account: int) -> dict[str, Counter[str]]:
    """The account's published rows by mart, without those that tell of runs."""
    with duckdb.connect(str(made.settings.warehouse_file), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        found = con.execute(
            "select table_name, list(column_name) from duckdb_columns() where schema_name = 'marts' group by all"
        ).fetchall()
        return {
            mart: Counter(RUN.sub("a run", repr(row)) for row in con.execute(_of(mart, columns, account)).fetchall())
            for mart, columns in found
            if "account_id" in columns and mart not in OPERATIONS
        }


def _of(mart: str, columns: list[str], account: int) -> str:
    kept = ", ".join(name for name in sorted(columns) if name not in RUN_COLUMNS)
    return f"select {kept} from marts.{mart} where account_id = {account}"


@dataclass
class Nights:
    """What was published before, what a clean night publishes, and what the damaged one does."""

    before: dict[int, dict[str, Counter[str]]]
    clean: Retail
    damaged: Retail
    outcome: run.Outcome


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    folder = tmp_path_factory.mktemp("withheld")
    made = retail(folder / "data", Plan(sales=120, days=20))
    made.night()
    invent(made, DOUBLED, JUNK)
    build(made)
    before = {account: rows(made, account) for account in (BROKEN, DOUBLED, JUNK, WELL)}
    made.tomorrow()
    made.extract()
    invent(made, DOUBLED, JUNK)
    clean, damaged = beside(made, folder / "clean"), beside(made, folder / "damaged")
    build(clean)
    with duckdb.connect(str(damaged.settings.work_file)) as con:
        for account, statement in DAMAGE.items():
            con.execute(statement.format(account))
    return Nights(before, clean, damaged, build(damaged))


@pytest.mark.long
def test_an_account_whose_rows_are_well_is_published_as_on_a_clean_night(nights: Nights) -> None:
    found = rows(nights.damaged, WELL)

    assert found == rows(nights.clean, WELL)
    assert found != nights.before[WELL]


@pytest.mark.long
@pytest.mark.parametrize("account", [BROKEN, DOUBLED, JUNK], ids=["identity", "doubled key", "model error"])
def test_a_damaged_account_keeps_its_last_rows(nights: Nights, account: int) -> None:
    assert rows(nights.damaged, account) == nights.before[account]
    assert rows(nights.clean, account) != nights.before[account]


@pytest.mark.long
def test_each_withheld_account_is_named_with_its_own_reason(nights: Nights) -> None:
    said: dict[Any, str] = {one.account_id: one.sentence for one in nights.outcome.concerns if one.kind == "withheld"}

    assert nights.outcome.record.status == "partial"
    assert said.keys() == DAMAGE.keys()
    assert "order 1" in said[BROKEN]
    assert "unique_combination of" in said[DOUBLED]
    assert "model int_" in said[JUNK] or "model fct_" in said[JUNK]
    assert "99999999999999" not in said[JUNK]


@pytest.mark.long
def test_what_was_published_anyway_has_the_difference_and_not_the_doubled_key(nights: Nights, tmp_path: Path) -> None:
    made = beside(nights.damaged, tmp_path / "anyway")

    outcome = run.publish(made.settings, anyway=True)

    assert outcome.record.published_anyway
    assert {concern.account_id for concern in outcome.concerns} == {DOUBLED, JUNK}
    assert rows(made, BROKEN) != nights.before[BROKEN]
    assert rows(made, DOUBLED) == nights.before[DOUBLED]


@pytest.mark.long
def test_an_account_that_was_withheld_two_nights_restates_its_late_sales_and_no_new_day(small: Retail) -> None:
    small.night()
    [(published, newest)] = small.query(
        f"select run_id, newest_business_date from marts.published_accounts where account_id = {BROKEN}"
    )
    tax = damage(small, "calc_tax1 = null")
    edits = Edits(small)
    for late in (void_that_moves_no_clock, sale_rung_up_for_a_past_day):
        late(edits, late.__name__)
        small.tomorrow()
        assert small.night(full_refresh=False).record.status == "partial"
        damage(small, "calc_tax1 = null")
    as_of = f"select run_id, withheld_since from marts.published_accounts where account_id = {BROKEN}"
    [(withheld, since)] = small.query(as_of)

    damage(small, f"calc_tax1 = {tax}")
    small.tomorrow()
    small.night()

    assert (withheld, since is None) == (published, False)
    [(released, no_longer)] = small.query(as_of)
    assert released > published
    assert no_longer is None
    restated = small.query(
        f"select distinct reason, business_date <= date '{newest}' from marts.restatements where account_id = {BROKEN}"
    )
    assert {reason for reason, _ in restated} >= {"voided"}
    assert all(is_old for _, is_old in restated)


def damage(made: Retail, change: str) -> object:
    """Change the first sale as it is in the work file, and return its tax; no night reads it again."""
    with duckdb.connect(str(made.settings.work_file)) as con:
        [(tax,)] = con.execute(
            f"select calc_tax1 from raw_lightspeed.sale where account_id = {BROKEN} and sale_id = 1"
        ).fetchall()
        con.execute(f"update raw_lightspeed.sale set {change} where account_id = {BROKEN} and sale_id = 1")
    return tax


@pytest.mark.long
def test_a_night_publishes_while_a_desktop_tool_has_the_published_file_open(small: Retail) -> None:
    """Cases 9 and 54, with whole nights."""
    small.night()
    small.tomorrow()

    with holding(small.settings.warehouse_file) as program:
        assert small.night().record.status == "ok"
        before = small.query("select sum(net_sales) from marts.revenue_by_location_daily")
        tell(program, "update marts.revenue_by_location_daily set net_sales = 1")

        assert small.query("select sum(net_sales) from marts.revenue_by_location_daily") == before
