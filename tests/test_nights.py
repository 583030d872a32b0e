"""What a retailer may rely on: the marts are the world's own totals, however many nights it took to get there."""

from __future__ import annotations

import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from pipelines import run
from pipelines.demo import compare
from pipelines.errors import TillhouseError
from pipelines.run import Options, Report
from pipelines.sandbox import truth
from pipelines.sandbox.faults import Faulty
from pipelines.sandbox.knobs import Fault, Knobs, Trouble
from pipelines.sandbox.world import Plan
from pipelines.sources.lightspeed.records import all_tables
from tests.conftest import PLAN, Retail, cursors, retail

RAW_TABLES = [f"raw_lightspeed.{table.name}" for table in all_tables()]
MARTS = (
    "fct_orders",
    "fct_sales_events",
    "fct_payments",
    "dim_locations",
    "dim_employees",
    "dim_products",
    "dim_channels",
    "dim_dates",
    "dim_exchange_rates",
    "revenue_by_location_daily",
    "revenue_by_channel_daily",
    "reconciliation_daily",
    "employee_sales_daily",
    "sales_by_hour",
    "comparable_sales_weekly",
    "revenue_by_product_daily",
    "basket_pairs",
    "tender_mix_daily",
    "register_closings",
    "tax_by_day",
    "gift_card_liability",
    "customer_deposits",
)
HISTORIES = ("dim_products_history", "dim_locations_history", "dim_employees_history")


def as_told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: str(value) for name, value in row.items()} for row in rows]


def test_every_measure_of_every_shop_and_day_is_the_worlds_own_to_the_cent(traded: Retail) -> None:
    told = as_told(truth.daily_totals(traded.store))

    compared, differences = compare(traded.settings, told)

    assert differences == []
    assert compared == 13 * len(told) > 5_000


def test_a_cent_too_much_in_one_mart_row_is_told(traded: Retail) -> None:
    """The comparison itself can fail: else its silence would say nothing."""
    told = as_told(truth.daily_totals(traded.store))
    told[7]["net_sales"] = str(Decimal(told[7]["net_sales"]) + Decimal("0.01"))

    _, differences = compare(traded.settings, told)

    assert [(found.row["business_date"], found.measure) for found in differences] == [
        (told[7]["business_date"], "net_sales")
    ]


def test_every_channel_and_day_is_the_worlds_own_to_the_cent(traded: Retail) -> None:
    told = {
        (row["account_id"], row["business_date"], row["channel"], row["sub_channel"]): (
            row["net_sales"],
            row["total_sales"],
            row["transactions"],
        )
        for row in truth.channel_totals(traded.store, online=False)
    }

    found = {
        (account, str(day), channel, sub): (net, total, transactions)
        for account, day, channel, sub, net, total, transactions in traded.query(
            "select account_id, business_date, channel, sub_channel, net_sales, total_sales, transactions "
            "from marts.revenue_by_channel_daily"
        )
    }

    assert found == told


def assert_payments_are_the_worlds_own(made: Retail) -> None:
    told = {
        (row["account_id"], row["shop_id"], row["business_date"], row["payment_type_name"]): row["amount"]
        for row in truth.payment_totals(made.store)
    }

    found = {
        (account, shop, str(day), name): amount
        for account, shop, day, name, amount in made.query(
            "select account_id, shop_id, business_date, payment_type_name, sum(amount) "
            "from marts.fct_payments group by all"
        )
    }

    assert found == told


def test_money_by_payment_type_and_day_is_the_worlds_own_to_the_cent(traded: Retail) -> None:
    assert_payments_are_the_worlds_own(traded)


@pytest.mark.long
def test_a_payment_re_typed_without_a_trace_is_found_by_the_weekly_re_read(tmp_path: Path) -> None:
    """Where no clock tells of it, the sale is as it was until the last weeks are read again."""
    made = retail(tmp_path / "data", Plan(sales=300, days=20, retype_moves_update_time=False))
    made.night()
    made.tomorrow(8)

    made.night()

    assert [path for path in made.asked() if "completeTime=%3E%3D%2C2026-02-03" in path]
    assert_payments_are_the_worlds_own(made)


@pytest.mark.long
@pytest.mark.parametrize(
    ("plan", "knobs"),
    [
        (replace(PLAN, sales=400, subtotal_includes_tax=False), Knobs(speed=10_000)),
        (
            replace(PLAN, sales=400, void_moves_update_time=False, line_edit_moves_sale=True, seed=2),
            Knobs(
                speed=10_000,
                archived_ignored_on_sale=False,
                spellings_of_update_time=("updatetime",),
                final_page_is_empty=True,
                empty_list_has_key=True,
                page_size=7,
            ),
        ),
    ],
    ids=["a subtotal without tax", "every other reading of what is unknown"],
)
def test_what_nobody_knows_of_the_api_changes_no_number(plan: Plan, knobs: Knobs, tmp_path: Path) -> None:
    """Facts marked as guesses have a knob each; the totals hold for either setting."""
    made = retail(tmp_path / "data", plan, knobs)

    made.night()
    made.tomorrow()
    made.night()

    assert compare(made.settings, as_told(truth.daily_totals(made.store)))[1] == []


@pytest.mark.long
def test_nights_one_after_the_other_end_where_one_full_load_does(traded: Retail, tmp_path: Path) -> None:
    """Or where a work file that was lost begins again; what things were called before, the published file remembers."""
    full = traded.elsewhere(tmp_path / "full")
    shutil.copy(traded.settings.warehouse_file, full.settings.warehouse_file)

    full.night()

    for history in HISTORIES:
        assert full.table(f"marts.{history}") == traded.table(f"marts.{history}"), history
    for name in (*RAW_TABLES, *(f"marts.{mart}" for mart in MARTS)):
        mine, theirs = traded.table(name), full.table(name)
        if name == "raw_lightspeed.reported_day":
            continue  # which quiet days were asked for besides is each night's own
        if name.startswith("raw_lightspeed.report_"):
            mine, theirs = ([row for row in rows if row["shop_id"]] for rows in (mine, theirs))
        if name in {f"raw_lightspeed.{gone}" for gone in ("category", "unattached_sale_line", "employee_hours")}:
            # What is gone at the source is kept and flagged; a full load never saw it.
            assert [row for row in theirs if row not in mine] == [], name
            continue
        if name in {"marts.dim_products", "marts.revenue_by_product_daily"}:
            mine, theirs = _without_deleted(mine), _without_deleted(theirs)
        assert mine == theirs, name


def _without_deleted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    of_category = {"category_name", "category_path", "top_category", "is_category_deleted"}
    return sorted(({**row, **dict.fromkeys(of_category & row.keys())} for row in rows), key=repr)


@pytest.mark.long
def test_a_second_run_of_the_same_night_changes_nothing(small: Retail) -> None:
    small.night()
    before = {name: small.table(name) for name in (*RAW_TABLES, *(f"marts.{mart}" for mart in (*MARTS, *HISTORIES)))}

    small.night()

    assert {name: small.table(name) for name in before} == before


def test_a_quiet_night_asks_for_what_moved_only(small: Retail) -> None:
    small.extract()
    first = len(small.asked())
    small.extract()

    asked = small.asked()[first:]

    assert not [path for path in asked if "/Sale.json" in path and "sort=saleID" in path and "IN" not in path]
    assert [path for path in asked if "/Sale.json" in path and "updateTime=%3E%3D%2C" in path]


def test_a_sale_whose_line_alone_moved_is_fetched_again(small: Retail) -> None:
    small.extract()
    [line] = [line for line in small.store.all(120001, "SaleLine") if line["saleLineID"] == 5]
    now = small.store.all(120001, "Sale")
    newest = max(str(sale["timeStamp"]) for sale in now)
    moved = line | {"employeeID": 3, "timeStamp": max(sale["timeStamp"] for sale in small.store.all(120001, "Sale"))}  # type: ignore[type-var]
    small.store.put(120001, "SaleLine", [moved])

    small.extract()

    found = [
        row
        for row in small.table("raw_lightspeed.sale_line")
        if row["sale_line_id"] == 5 and row["account_id"] == 120001
    ]
    assert newest
    assert [row["employee_id"] for row in found] == [3]


def test_a_voided_sale_is_fetched_again_though_no_clock_moved(small: Retail) -> None:
    small.extract()
    sale = next(sale for sale in small.store.all(120001, "Sale") if sale["completed"] and not sale["voided"])
    small.store.put(120001, "Sale", [sale | {"voided": True}])
    void = {"saleVoidID": 999, "createTime": sale["timeStamp"], "reason": "", "employeeID": 1, "shopID": 1}
    small.store.put(120001, "SaleVoid", [void | {"saleID": sale["saleID"]}])

    small.extract()

    rows = {row["sale_id"]: row for row in small.table("raw_lightspeed.sale") if row["account_id"] == 120001}
    assert rows[sale["saleID"]]["voided"] is True


def test_a_line_that_is_gone_at_the_source_is_gone_here(small: Retail) -> None:
    small.extract()
    sale = next(
        sale
        for sale in small.store.all(120001, "Sale")
        if len(small.store.of_sales(120001, "SaleLine", [int(str(sale["saleID"]))])[int(str(sale["saleID"]))]) == 1
        and not sale["completed"]
    )
    number = int(str(sale["saleID"]))
    [line] = small.store.of_sales(120001, "SaleLine", [number])[number]
    small.store.remove(120001, "SaleLine", int(str(line["saleLineID"])))
    newest = max(sale["updateTime"] for sale in small.store.all(120001, "Sale"))  # type: ignore[type-var]
    small.store.put(
        120001, "Sale", [sale | {"calcSubtotal": Decimal(0), "calcTotal": Decimal(0), "updateTime": newest}]
    )

    small.extract()

    left = [
        row
        for row in small.table("raw_lightspeed.sale_line")
        if (row["account_id"], row["sale_id"]) == (120001, number)
    ]
    assert left == []


def test_the_first_value_that_cannot_be_cast_may_come_on_any_night(small: Retail) -> None:
    """The table of such values was there before it, empty, for the models to read: it still takes dlt's rows."""
    small.extract()
    assert small.table("raw_lightspeed.rejected_value") == []
    sale = max(small.store.all(120001, "Sale"), key=lambda sale: str(sale["updateTime"]))
    small.store.put(120001, "Sale", [sale | {"calcTips": "a few coins"}])

    small.extract()

    [found] = small.table("raw_lightspeed.rejected_value")
    assert (found["table_name"], found["record_id"], found["value"]) == ("sale", sale["saleID"], "a few coins")


@pytest.mark.long
def test_a_category_that_was_deleted_keeps_its_name_and_says_so(small: Retail) -> None:
    small.night()
    small.tomorrow()
    small.night()

    gone = [row for row in small.table("staging.stg_lightspeed__categories") if row["is_deleted"]]

    assert {(row["account_id"], row["name"]) for row in gone} == {(120001, "Seasonal"), (230002, "Seasonal")}


@pytest.mark.long
def test_one_accounts_failure_leaves_the_others_published(small: Retail) -> None:
    """The account that failed keeps its cursors where they were; the next night reads on from there."""
    small.night()
    small.tomorrow()
    small.sandbox.auth.expire(230002)
    before = cursors(small)["lightspeed"]

    outcome = small.night()

    assert outcome.record.status == "partial"
    after = cursors(small)["lightspeed"]
    assert after["230002"] == before["230002"]
    assert {"sale", "item"} <= {table for table in after["120001"] if after["120001"][table] != before["120001"][table]}
    assert {failure["account_id"] for failure in outcome.record.failures} == {230002}
    newest = dict(small.query("select account_id, max(business_date) from marts.fct_orders group by account_id"))
    assert newest[120001] > newest[230002]
    small.connect()
    small.night()
    assert compare(small.settings, as_told(truth.daily_totals(small.store)))[1] == []


@pytest.mark.long
def test_an_account_whose_sales_break_off_amid_a_night_leaves_the_others_published(tmp_path: Path) -> None:
    """Some of its new days are here: its totals are not asked for, and what they would say holds back nobody."""
    made = retail(tmp_path / "data", Plan(sales=300, days=60), Knobs(speed=10_000, page_size=4))
    made.night()
    made.tomorrow(3)
    before, first = len(made.table("raw_lightspeed.sale")), len(made.asked())
    made.sandbox.knobs.troubles.append(Trouble("scope_missing", r"/230002/Sale\.json.*after=", times=99))
    refusing = httpx.ASGITransport(app=Faulty(made.app))

    outcome = run.night(made.settings, Options(transport=refusing), Report())

    assert outcome.record.status == "partial"
    assert outcome.published
    assert [(failure["account_id"], failure["table"]) for failure in outcome.record.failures] == [(230002, "sale")]
    assert len(made.table("raw_lightspeed.sale")) > before
    assert {path.split("/")[4] for path in made.asked()[first:] if "ByDay" in path} == {"120001"}
    told = {(row["account_id"], row["business_date"]) for row in truth.daily_totals(made.store)}
    newest = made.query("select max(business_date) from marts.revenue_by_location_daily where account_id = 120001")
    assert str(newest[0][0]) == max(day for account, day in told if account == 120001)
    made.night()
    assert compare(made.settings, as_told(truth.daily_totals(made.store)))[1] == []
    assert {row["status"] for row in made.table("marts.reconciliation_daily")} == {"match"}


def test_rows_are_kept_in_the_landing_zone_by_account_entity_and_run(small: Retail) -> None:
    record = small.extract().record

    kept = sorted(small.settings.landing_dir.glob(f"lightspeed/*/sale/{record.run_id}/*.jsonl.zst"))

    assert {path.parts[-4] for path in kept} == {"120001", "230002"}
    rows = duckdb.execute(
        "select count(*) from read_ndjson_objects(?, compression = 'zstd')", [[str(path) for path in kept]]
    ).fetchall()[0][0]
    assert rows >= len(small.table("raw_lightspeed.sale"))


@pytest.mark.long
def test_a_backfill_that_stopped_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was fetched before is loaded with its cursor; the next night asks for the ids beyond it."""
    monkeypatch.setattr("pipelines.extraction.SLICE_ROWS", 100)
    monkeypatch.setattr("pipelines.sources.lightspeed.walks.BATCH_ROWS", 40)
    made = retail(tmp_path / "data", Plan(sales=300, days=60), Knobs(speed=10_000, page_size=20))
    third_page = Fault("after=WzYwXQ", 503, b"<html>", times=99)  # the token of saleID 60
    made.sandbox.knobs.faults.append(third_page)

    assert made.extract().record.status == "partial"
    half = made.table("raw_lightspeed.sale")
    made.sandbox.knobs.faults.clear()
    first = len(made.asked())
    made.night()

    assert {row["sale_id"] for row in half} == set(range(1, 61))
    backfills = [path for path in made.asked()[first:] if "sort=saleID&saleID=%3E%2C" in path]
    assert backfills
    assert all("saleID=%3E%2C60" in path for path in backfills)
    assert compare(made.settings, as_told(truth.daily_totals(made.store)))[1] == []


@pytest.mark.long
def test_a_defect_in_one_kind_of_walk_costs_no_other_table_its_night(
    small: Retail, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("pipelines.sources.lightspeed.walks.IdWalk.run", broken)

    record = small.night().record

    assert {failure["table"] for failure in record.failures} == {"sale_void", "register_count", "register_withdraw"}
    assert "unexpected ZeroDivisionError; please report it" in record.message
    assert small.table("marts.fct_orders")


@pytest.mark.long
def test_a_missing_right_costs_its_table_and_nothing_else(tmp_path: Path) -> None:
    """The trailing re-read still finds voids; what is optional is no failure: items are published without a brand."""
    made = retail(tmp_path / "data", Plan(sales=60, days=20))
    for session in made.sandbox.auth._sessions:
        session.scopes = ("employee:register_read", "employee:inventory_read", "employee:customers_read")

    record = made.night().record

    assert record.status == "partial"
    assert {failure["table"] for failure in record.failures} == {"sale_void"}
    assert "HTTP 403" in record.message
    assert len(made.table("raw_lightspeed.sale")) == sum(
        1 for account in made.store.accounts() for _ in made.store.all(account, "Sale")
    )
    assert made.query(
        "select count(product_name) > 0, count(brand_name), count(vendor_name) from marts.dim_products"
    ) == [(True, 0, 0)]


def test_a_damaged_token_file_costs_no_other_account_its_night(small: Retail) -> None:
    (small.settings.tokens_dir / "lightspeed" / "230002.json").write_text("{")

    record = small.extract().record

    assert (record.accounts, record.accounts_failed) == (2, 1)
    assert "230002.json is damaged: delete it and run `tillhouse connect` again" in record.message
    assert {row["account_id"] for row in small.table("raw_lightspeed.sale")} == {120001}


@pytest.mark.long
def test_an_account_whose_first_reading_stopped_is_withheld_until_it_is_complete(tmp_path: Path) -> None:
    """A fraction of a history would pass for it; the other account is published meanwhile."""
    made = retail(tmp_path / "data", Plan(sales=300, days=60), Knobs(speed=10_000, page_size=20))
    made.sandbox.knobs.faults.append(Fault("120001/Sale.json?", 503, b"<html>", times=3))

    record = made.night().record
    withheld = {
        account
        for (account,) in made.query(
            "select account_id from marts.data_quality where issue like 'withheld%' and severity = 'red'"
        )
    }
    published = {account for (account,) in made.query("select distinct account_id from marts.fct_orders")}
    made.night()

    assert record.status == "partial"
    assert len(withheld) == 1
    assert published == {120001, 230002} - withheld
    assert compare(made.settings, as_told(truth.daily_totals(made.store)))[1] == []


@pytest.mark.long
def test_a_night_on_which_no_account_could_be_read_publishes_nothing(small: Retail) -> None:
    small.night()
    before = small.settings.warehouse_file.read_bytes()
    small.tomorrow()
    for account in small.store.accounts():
        small.sandbox.auth.expire(account)

    with pytest.raises(TillhouseError, match="bearer token is not taken any more"):
        small.night()
    assert small.settings.warehouse_file.read_bytes() == before


@pytest.mark.long
def test_sales_selected_alone_still_have_their_shops(small: Retail) -> None:
    """Without its shop's zone a sale would stand on another day."""
    small.night(tables=("sale",))

    assert compare(small.settings, as_told(truth.daily_totals(small.store)))[1] == []
