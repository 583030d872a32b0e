"""Night after night of the online stores' own tables: nothing twice, nothing lost, no earlier day moved."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.sandbox import world
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
