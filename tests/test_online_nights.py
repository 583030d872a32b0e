"""Night after night of the online stores' own tables: nothing twice, nothing lost, no earlier day moved."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import run
from pipelines.demo import CHANNELS, compare
from pipelines.sandbox import truth, world
from pipelines.sandbox.web_orders import TAG, delete
from pipelines.sandbox.world import Plan
from tests.conftest import Retail, retail

PLAN = Plan(sales=1_500, days=30)
TABLES = {
    "raw_shopify": ("shop", "location", "customer", "customer_order", "order_line", "sale", "payment", "fulfilment"),
    "raw_ecwid": ("store_profile", "customer", "customer_order", "order_item", "refund"),
}


def raw(made: Retail) -> dict[str, list[dict[str, Any]]]:
    return {f"{schema}.{name}": made.table(f"{schema}.{name}") for schema, names in TABLES.items() for name in names}


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Retail, list[dict[str, Any]], datetime]:
    """Stores after three nights, their ledger as it was after the first, and the end of that first night."""
    made = retail(tmp_path_factory.mktemp("online") / "data", PLAN, online=True)
    made.extract()
    first, ended = made.table("raw_shopify.sale"), world.now(made.store)
    for _ in range(2):
        made.tomorrow(3)
        made.extract()
    return made, first, ended


@pytest.mark.long
def test_nights_one_after_the_other_end_where_one_full_load_does(
    nights: tuple[Retail, list[dict[str, Any]], datetime], tmp_path: Path
) -> None:
    made, _, _ = nights
    whole = made.elsewhere(tmp_path / "whole")
    whole.extract()

    assert raw(made) == raw(whole)
    assert all(rows for rows in raw(whole).values())


def test_a_night_that_is_run_again_changes_nothing(nights: tuple[Retail, list[dict[str, Any]], datetime]) -> None:
    """Though its windows overlap with what was read before."""
    made, _, _ = nights
    before = raw(made)

    again = made.extract()

    assert again.record.status == "ok"
    assert again.record.rows_loaded > 0
    assert raw(made) == before


def test_what_is_refunded_or_edited_later_moves_no_earlier_day_of_a_ledger(
    nights: tuple[Retail, list[dict[str, Any]], datetime],
) -> None:
    """A refund in March leaves February as it was."""
    made, first, ended = nights
    now = made.table("raw_shopify.sale")

    assert [row for row in now if row["happened_at"] <= ended] == first
    later = [row for row in now if row["happened_at"] > ended]
    placed = {row["id"] for row in made.table("raw_shopify.customer_order") if row["created_at"] <= ended}
    assert any(row["order_id"] in placed for row in later)


@pytest.mark.long
def test_one_stores_failure_leaves_the_others_and_its_own_cursor(tmp_path: Path) -> None:
    made = retail(tmp_path / "data", Plan(sales=300, days=30), online=True)
    api = made.sandbox.online.ecwid(71000001)
    assert api
    token, api.token = api.token, "secret_renewed"

    outcome = made.extract()
    shopify = made.table("raw_shopify.customer_order")
    api.token = token
    healed = made.elsewhere(tmp_path / "healed")
    api.is_blocked = False
    api._refused.clear()

    assert outcome.record.status == "partial"
    assert {failure["account_id"] for failure in outcome.record.failures} == {71000001}
    assert "run `tillhouse connect --ecwid` with a new one" in outcome.record.message
    assert shopify
    assert made.table("raw_ecwid.customer_order") == []
    assert made.extract().record.status == "ok"
    healed.extract()
    assert raw(made) == raw(healed)


def _copied_once(made: Retail, source: str) -> int:
    """The number of a recent order that one ticket copies, by name."""
    tags: dict[int, list[Any]] = {}
    for sale in made.store.all(120001, "Sale"):
        if isinstance(tag := sale.get(TAG), dict) and tag["source"] == source and sale["completed"]:
            tags.setdefault(int(tag["number"]), []).append(sale)
    return max(number for number, (first, *others) in tags.items() if not others and first["referenceNumberSource"])


@pytest.mark.long
def test_an_order_that_is_gone_at_its_store_is_found_by_the_weekly_look(tmp_path: Path) -> None:
    """It moves no clock when it goes; what is looked for again and not met was deleted, and its copy counts again."""
    made = retail(tmp_path / "data", Plan(sales=900, days=30), online=True)
    made.extract()
    gone = {source: _copied_once(made, source) for source in ("shopify", "ecwid")}
    for source, number in gone.items():
        delete(made.store, 120001, source, number)
    made.tomorrow(8)
    made.extract()
    made.tomorrow(3)
    made.night()

    looks = [made.table(f"raw_{vendor}.order_look") for vendor in ("shopify", "ecwid")]
    assert [[look["account_id"] for look in found] for found in looks] == [[61000001, 61000002], [71000001]]
    missed = made.query(
        "select detail from marts.data_quality where issue = 'order deleted at its store' and detail <> '' order by all"
    )
    assert missed == [(f"#{gone['shopify']}",), (f"ORD{gone['ecwid']}",)]
    assert made.query(
        "select count(*) from marts.fct_orders where source <> 'lightspeed' and order_number in "
        f"('#{gone['shopify']}', 'ORD{gone['ecwid']}') and account_id = 120001"
    ) == [(0,)]
    compared, differences = compare(made.settings, truth.channel_totals(made.store), CHANNELS)
    assert compared > 500
    assert differences == []


@pytest.mark.long
def test_an_order_that_gave_back_more_than_it_took_is_listed(
    nights: tuple[Retail, list[dict[str, Any]], datetime], tmp_path: Path
) -> None:
    """It is published: one goodwill payment must not hold back everybody's night."""
    made, _, _ = nights
    shutil.copytree(made.settings.tillhouse_data_dir, tmp_path / "copy")
    settings = made.settings.model_copy(update={"tillhouse_data_dir": tmp_path / "copy"})
    with duckdb.connect(str(settings.work_file)) as con:
        con.execute("update raw_ecwid.refund set amount = 9999 where id = (select min(id) from raw_ecwid.refund)")
        ((order,),) = con.execute(
            "select number from raw_ecwid.customer_order where internal_id = "
            "(select order_id from raw_ecwid.refund where amount = 9999)"
        ).fetchall()

    run.transform(settings)

    with duckdb.connect(str(settings.work_file), read_only=True) as con:
        found = con.execute(
            "select detail, severity from marts.data_quality where issue = 'more given back than was sold' "
            "and account_id = 71000001 and detail <> ''"
        ).fetchall()
    assert found == [(order, "red")]
