"""Every closed day is held against Lightspeed's own totals; what disagrees is fetched again, and then stops."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipelines import reconciling, run, transformation, warehouse
from pipelines.errors import UnreconciledError
from pipelines.extraction import Failure
from pipelines.run import Extracted, Outcome
from pipelines.sandbox import truth
from pipelines.sandbox.knobs import Knobs
from pipelines.sandbox.reports import ReportKnobs, Wrong
from pipelines.sandbox.world import Plan
from pipelines.sources.lightspeed.control import spans
from tests.conftest import Retail, retail
from tests.test_cli import typed

MART = "marts.reconciliation_daily"
MEASURES = {"subtotal", "tax", "discounts", "payments", "cost_average", "cost_fifo"}
BAD_DAY = date(2026, 2, 26)


def compared(made: Retail) -> list[dict[str, Any]]:
    """The comparison alone, without the rest of the marts and their tests."""
    made.extract()
    result = transformation.run_dbt(made.settings, "run", "--select", "+reconciliation_daily")
    assert result.success, result.result
    return made.table(MART)


def readings(rows: list[dict[str, Any]]) -> dict[tuple[int, str], str]:
    return {(row["account_id"], row["measure"]): row["reading"] for row in rows if row["measure"] in MEASURES}


# --- what agrees -----------------------------------------------------------------------------------


def test_every_measure_of_every_closed_day_is_lightspeeds_own_to_the_cent(traded: Retail) -> None:
    """Voids, refunds, gift cards, deposits and back-dated sales, in shops with and without tax in their prices."""
    rows = traded.table(MART, published=True)

    assert {row["status"] for row in rows} == {"match"}
    assert {(row["account_id"], row["measure"]) for row in rows} == {
        (account_id, measure) for account_id in (120001, 230002) for measure in (*MEASURES, "sales_count")
    }
    sold = {(row["account_id"], row["shop_id"], row["business_date"]) for row in truth.daily_totals(traded.store)}
    held = {(row["account_id"], row["shop_id"], str(row["business_date"])) for row in rows if row["shop_id"]}
    assert {day for _, _, day in sold - held} <= {"2026-03-03"}  # in the west the last day is not over yet
    assert sum(row["source_amount"] for row in rows if row["measure"] == "payments") > 10_000


def test_the_readings_of_a_world_are_the_likelier_ones(traded: Retail) -> None:
    found = readings(traded.table(MART))

    assert found[230002, "subtotal"] == "before discounts, without tax; the day rounded"
    assert found[120001, "payments"] == "on the day it was taken, tips included"


def test_a_comparison_without_a_difference_is_shown_and_exits_with_0(traded: Retail) -> None:
    shown = typed(traded.settings.tillhouse_data_dir, "reconcile", "--json")

    assert shown.exit_code == 0
    told = json.loads(shown.stdout)
    assert told["differences"] == told["blocking"] == []
    assert sum(account["match"] for account in told["accounts"]) == len(traded.table(MART))
    assert "found to mean" in typed(traded.settings.tillhouse_data_dir, "reconcile").stdout


OTHERWISE = ReportKnobs(
    before_discounts=False,
    hold_tax=True,
    rounding="ticket",
    returns_lessen_discounts=False,
    payments_by_completion=True,
    tips_in_payments=False,
    end_is_included=False,
    tells_layaways=True,
)


@pytest.mark.long
@pytest.mark.parametrize(
    ("plan", "knobs", "tax", "subtotal", "discounts", "payments"),
    [
        (
            Plan(sales=500, days=60),
            OTHERWISE,
            "as charged; each ticket rounded",
            "after discounts, with the tax that prices hold",
            "with the tax that prices hold, those of returns left out",
            "on the day its sale completed, tips left out",
        ),
        (
            Plan(sales=500, days=60, subtotal_includes_tax=False),
            ReportKnobs(rounding="line"),
            "as charged; each line rounded",
            "before discounts, without tax",
            "without tax, less those of returns",
            "on the day it was taken, tips included",
        ),
    ],
    ids=["every other meaning", "each line rounded, a subtotal without tax"],
)
def test_whatever_the_reports_mean_their_days_tell_it(
    plan: Plan, knobs: ReportKnobs, tax: str, subtotal: str, discounts: str, payments: str, tmp_path: Path
) -> None:
    made = retail(tmp_path / "data", plan, Knobs(speed=10_000, reports=knobs))

    rows = compared(made)

    assert {row["status"] for row in rows} == {"match"}
    found = readings(rows)
    assert found[120001, "tax"] == found[230002, "tax"] == tax
    told = [found[230002, measure].split(";")[0] for measure in ("subtotal", "discounts", "payments")]
    assert told == [subtotal, discounts, payments]


def test_a_difference_that_is_a_fact_of_the_day_is_explained_by_it(tmp_path: Path) -> None:
    """A report without deposits and item fees is off by exactly those."""
    knobs = Knobs(speed=10_000, reports=ReportKnobs(counts_deposits=False, counts_item_fees=False))
    made = retail(tmp_path / "data", Plan(sales=700, days=60), knobs)

    rows = compared(made)

    explained = [row for row in rows if row["status"] != "match"]
    assert {row["status"] for row in explained} == {"explained"}
    assert {(row["measure"], row["explanation"].split(":")[0]) for row in explained} == {
        ("payments", "open deposits"),
        ("subtotal", "the report's own definition"),
    }
    assert {row["difference"] for row in explained if row["measure"] == "subtotal"} == {Decimal("0.35")}


def test_reports_that_cannot_be_had_or_say_nothing_stop_nothing(tmp_path: Path) -> None:
    """One account's token has no right to reports, the other's are empty: neither is compared, and both are named."""
    made = retail(tmp_path / "data", Plan(sales=60, days=20), Knobs(speed=10_000, reports=ReportKnobs(is_empty=True)))
    for session in made.sandbox.auth._sessions:
        if session.account_id == 120001:
            session.scopes = tuple(
                f"employee:{name}" for name in ("register_read", "inventory_read", "admin_void_sale")
            )
            session.scopes += ("employee:customers_read",)

    outcome = made.night()

    assert outcome.record.failures == []
    assert outcome.published
    assert {row["measure"] for row in made.table(MART)} == {"sales_count"}
    named = made.query(
        "select account_id, detail from marts.data_quality "
        "where issue like 'not compared%' and row_count > 0 order by account_id"
    )
    assert named == [(120001, "no report could be read"), (230002, "no report says anything")]


# --- what disagrees --------------------------------------------------------------------------------


@dataclass
class Nights:
    """One world: a good night, a night with a lost sale and a report that lies, and one published anyway."""

    made: Retail
    quiet: Outcome
    lost: dict[str, Any]
    complaint: str
    was_left_alone: bool
    work_rows: list[dict[str, Any]]
    asked_again: list[str]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    made = retail(tmp_path_factory.mktemp("reconciled") / "data", Plan(sales=300, days=60))
    made.night()
    quiet = made.extract()
    lost = lose_a_sale(made)
    made.sandbox.knobs.reports.wrong = (Wrong("PaymentsByDay", 230002, 1, BAD_DAY, Decimal("3.21")),)
    before, asked = made.settings.warehouse_file.read_bytes(), len(made.asked())
    with pytest.raises(UnreconciledError) as caught:
        made.night()
    left_alone = made.settings.warehouse_file.read_bytes() == before
    yield Nights(made, quiet, lost, str(caught.value), left_alone, made.table(MART), made.asked()[asked:])
    made.store.close()


def lose_a_sale(made: Retail) -> dict[str, Any]:
    """As a defect of ours would: an old sale, its lines and its payments are not in the raw tables any more."""
    sale = next(
        row
        for row in made.table("raw_lightspeed.sale")
        if row["completed"] and not row["voided"] and row["calc_total"] > 50 and row["complete_time"].day == 14
    )
    with warehouse.opened(made.settings.work_file) as connection:
        for table in ("sale", "sale_line", "sale_payment"):
            connection.execute(
                f"delete from raw_lightspeed.{table} where account_id = ? and sale_id = ?",
                [sale["account_id"], sale["sale_id"]],
            )
    return sale


@pytest.mark.long
def test_a_night_asks_four_reports_and_one_count_of_each_account(nights: Nights) -> None:
    """14 drips: an account of one shop gives them back in as many seconds."""
    control = [row for row in nights.quiet.record.tables if row["table"] == "report"]

    assert {(row["account_id"], row["requests"], row["drips"]) for row in control} == {
        (120001, 5, 14.0),
        (230002, 5, 14.0),
    }


@pytest.mark.long
def test_a_sale_that_was_lost_is_found_missing_and_fetched_again(nights: Nights) -> None:
    """No clock tells of it: only the day's own total does."""
    sale = nights.lost

    found = [row["sale_id"] for row in nights.made.table("raw_lightspeed.sale")]

    assert sale["sale_id"] in found
    ours = [row for row in nights.work_rows if row["account_id"] == sale["account_id"]]
    assert {row["status"] for row in ours if row["business_date"].month == sale["complete_time"].month} == {"match"}
    day = str(sale["complete_time"].date())
    assert [path for path in nights.asked_again if "Sale.json" in path and "completeTime=%3E%3C%2C" in path]
    assert [path for path in nights.asked_again if "TaxesByDay" in path and f"startDate={day[:8]}" in path]


@pytest.mark.long
def test_a_source_that_keeps_disagreeing_leaves_the_published_file_as_it_is(nights: Nights) -> None:
    assert nights.was_left_alone
    unexplained = [row for row in nights.work_rows if row["status"] == "unexplained"]
    assert [(row["account_id"], row["shop_id"], row["business_date"], row["measure"]) for row in unexplained] == [
        (230002, 1, BAD_DAY, "payments")
    ]


@pytest.mark.long
def test_the_sentence_names_day_shop_amounts_and_sales(nights: Nights) -> None:
    [row] = [row for row in nights.work_rows if row["status"] == "unexplained"]
    amounts = f"{row['warehouse_amount']:.2f} here and {row['source_amount']:.2f} by Lightspeed"

    assert (
        f"account 230002, Camden Yard (shop 1), 2026-02-26: payments ({row['detail']}) is {amounts}" in nights.complaint
    )
    assert f"sales in question: {row['sale_ids']}" in nights.complaint
    assert row["sale_ids"]
    assert row["source_amount"] - row["warehouse_amount"] == Decimal("3.21")
    assert "--publish-anyway" in nights.complaint


@pytest.mark.long
def test_the_step_alone_refuses_the_same_numbers_and_says_so_with_exit_3(nights: Nights) -> None:
    folder = nights.made.settings.tillhouse_data_dir

    refused, shown = typed(folder, "publish"), typed(folder, "reconcile", "--json")

    assert (refused.exit_code, shown.exit_code) == (3, 3)
    assert "nothing was published" in refused.stderr
    assert [row["business_date"] for row in json.loads(shown.stdout)["blocking"]] == ["2026-02-26"]
    assert "1 unexplained" in typed(folder, "reconcile").stdout


@pytest.mark.long
def test_a_difference_within_the_tolerance_stops_nothing(nights: Nights) -> None:
    file = nights.made.settings.work_file

    assert len(reconciling.unexplained(file, Decimal("3.20"))) == 1
    assert reconciling.unexplained(file, Decimal("3.21")) == []
    lenient = nights.made.settings.model_copy(update={"tillhouse_reconcile_tolerance": Decimal("3.21")})
    assert run.publish(lenient).record.published_anyway is False


@pytest.mark.long
def test_what_is_published_anyway_is_written_down(nights: Nights) -> None:
    """Last: it leaves the world as published."""
    outcome = nights.made.night(publish_anyway=True)

    assert (outcome.record.published_anyway, outcome.record.status) == (True, "ok")
    assert "published anyway: account 230002" in outcome.record.message
    [(published, message)] = nights.made.query(
        f"select published_anyway, message from marts.pipeline_runs where run_id = '{outcome.record.run_id}'"
    )
    assert published
    assert "2026-02-26" in message
    assert [row["status"] for row in nights.made.table(MART, published=True) if row["business_date"] == BAD_DAY].count(
        "unexplained"
    ) == 1


def comparison(file: Path, *rows: tuple[int, str, str, str]) -> Path:
    """A work file with a mart that says *rows*: account, measure, difference, status."""
    with warehouse.opened(file) as connection:
        connection.execute(f"create schema {warehouse.MARTS}")
        connection.execute(
            f"create table {MART} (account_id bigint, measure varchar, difference decimal(18, 2), status varchar, "
            "shop_id bigint default 1, location_name varchar default 'Dock', business_date date default '2026-03-01', "
            "detail varchar, detail_id varchar, warehouse_amount decimal(18, 2) default 10, "
            "source_amount decimal(18, 2) default 10, sale_ids varchar)"
        )
        told = "insert into marts.reconciliation_daily (account_id, measure, difference, status) values (?, ?, ?, ?)"
        connection.executemany(told, rows)
    return file


def test_a_tolerance_of_money_swallows_no_sale(tmp_path: Path) -> None:
    """A count is no amount: it agrees exactly, or sales are missing."""
    file = comparison(
        tmp_path / "work.duckdb",
        (7, "payments", "-5.00", "unexplained"),
        (7, "sales_count", "-3.00", "unexplained"),
        (8, "sales_count", "0.00", "match"),
    )

    assert [found.measure for found in reconciling.unexplained(file, Decimal("5.00"))] == ["sales_count"]
    assert [found.measure for found in reconciling.unexplained(file, Decimal("4.99"))] == ["payments", "sales_count"]


def test_an_account_that_was_not_read_to_its_end_stops_no_other(tmp_path: Path) -> None:
    file = comparison(tmp_path / "work.duckdb", (7, "tax", "1.00", "unexplained"), (8, "tax", "2.00", "unexplained"))

    assert [found.account_id for found in reconciling.unexplained(file, Decimal(0), without={8})] == [7]
    assert reconciling.unexplained(file, Decimal(0), without={7, 8}) == []


def test_a_table_that_fails_at_night_and_again_while_it_is_healed_is_one_failure() -> None:
    record = warehouse.RunRecord("20260301T041500.000000-1", "run", "2026-03-01T04:15:00+00:00")
    failure = Failure(7, "report", "HTTP 503 after every retry")

    run._note(record, Extracted([7], failures=[failure, replace(failure, table="sale"), failure]))

    assert [found["table"] for found in record.failures] == ["report", "sale"]


# --- which days are asked for ------------------------------------------------------------------------


def test_days_are_asked_for_in_the_fewest_spans_of_a_month_at_most() -> None:
    days = [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 5), date(2026, 1, 20), *run_of_days(date(2026, 3, 1), 40)]

    assert list(spans(days)) == [
        (date(2026, 1, 1), date(2026, 1, 5)),
        (date(2026, 1, 20), date(2026, 1, 20)),
        (date(2026, 3, 1), date(2026, 3, 31)),
        (date(2026, 4, 1), date(2026, 4, 9)),
    ]


def run_of_days(first: date, count: int) -> list[date]:
    return [date.fromordinal(first.toordinal() + number) for number in range(count)]


def test_a_count_that_differs_puts_its_whole_window_in_question() -> None:
    found = reconciling.Difference(
        1, 0, "all shops", date(2026, 3, 1), "sales_count", None, Decimal(9), Decimal(10), None
    )

    days, sales = reconciling.days_of([found, replace(found, measure="tax", sale_ids="7, 8")], 3)

    assert days == {1: {date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)}}
    assert sales == {1: {7, 8}}
