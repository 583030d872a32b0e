"""Every closed day is held against Lightspeed's own totals; what disagrees is fetched again once, and then marked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipelines import reconciling, run, warehouse
from pipelines.errors import TillhouseError
from pipelines.extraction import Failure
from pipelines.run import Extracted, Outcome
from pipelines.sandbox import truth
from pipelines.sandbox.knobs import Knobs
from pipelines.sandbox.reports import ReportKnobs, Wrong
from pipelines.sandbox.world import Plan
from pipelines.settings import read_settings
from pipelines.sources.lightspeed.control import spans
from tests.conftest import Retail, retail
from tests.test_cli import typed

MART = "marts.reconciliation_daily"
MEASURES = {"subtotal", "tax", "discounts", "payments", "cost_average", "cost_fifo"}
BAD_DAY = date(2026, 2, 26)


def compared(made: Retail) -> list[dict[str, Any]]:
    """The comparison of a first night that is not published."""
    made.extract()
    run.transform(made.settings)
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
    assert found[120001, "payments"] == "tips included; on the day it was taken"


def test_a_comparison_without_a_difference_is_shown_and_exits_with_0(traded: Retail) -> None:
    shown = typed(traded.settings.tillhouse_data_dir, "reconcile", "--json")

    assert shown.exit_code == 0
    told = json.loads(shown.stdout)
    assert told["differences"] == told["unexplained"] == told["tried"] == []
    assert sum(account["match"] for account in told["accounts"]) == len(traded.table(MART))
    assert "read to mean" in typed(traded.settings.tillhouse_data_dir, "reconcile").stdout


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
            "tips left out",
        ),
        (
            Plan(sales=500, days=60, subtotal_includes_tax=False),
            ReportKnobs(rounding="line"),
            "as charged; each line rounded",
            "before discounts, without tax",
            "without tax, less those of returns",
            "tips included",
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


@pytest.mark.long
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
    """One world: a first night, one with a lost sale and a report that lies, the next, and one that accepts the lie."""

    made: Retail
    first: Outcome
    first_asked: list[str]
    quiet: Outcome
    lost: dict[str, Any]
    marked: Outcome
    marked_rows: list[dict[str, Any]]
    marked_asked: list[str]
    marked_exit: int
    next_asked: list[str]
    next: Outcome
    told: Any
    accepted: Outcome
    accepted_rows: list[dict[str, Any]]
    changed: Outcome


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    made = retail(tmp_path_factory.mktemp("reconciled") / "data", Plan(sales=300, days=60))
    folder, lie = made.settings.tillhouse_data_dir, Wrong("PaymentsByDay", 230002, 1, BAD_DAY, Decimal("3.21"))
    first, first_asked = asked_by(made)
    quiet = made.extract()
    lost = lose_a_sale(made)
    made.sandbox.knobs.reports.wrong = (lie,)
    marked, marked_asked = asked_by(made)
    marked_rows, marked_exit = made.table(MART, published=True), typed(folder, "reconcile", "--json").exit_code
    following, next_asked = asked_by(made)
    told = typed(folder, "reconcile", "--accept", str(BAD_DAY), "--shop", "1", "--reason", "a float was left in")
    accepted, _ = asked_by(made)
    accepted_rows = made.table(MART, published=True)
    made.sandbox.knobs.reports.wrong = (replace(lie, by=Decimal("3.22")),)
    changed, _ = asked_by(made)
    yield Nights(
        made, first, first_asked, quiet, lost, marked, marked_rows, marked_asked, marked_exit, next_asked, following,
        told, accepted, accepted_rows, changed,
    )  # fmt: skip
    made.store.close()


def asked_by(made: Retail) -> tuple[Outcome, list[str]]:
    """A night, and what it asked."""
    before = len(made.asked())
    return made.night(), made.asked()[before:]


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
def test_the_first_night_asks_lightspeed_for_nothing_twice(nights: Nights) -> None:
    """No request is repeated, and no day of a report is asked for in two."""
    assert nights.first.record.status == "ok"
    assert_nothing_twice(nights.first_asked)


def assert_nothing_twice(asked: list[str]) -> None:
    paths = [path for path in asked if "/oauth/" not in path]
    assert [path for path, times in Counter(paths).items() if times > 1] == []
    days = Counter(
        (path.partition("?")[0], str(day))
        for path in paths
        if "Reports/Accounting" in path and "after=" not in path
        for day in days_asked(path)
    )
    assert days
    assert max(days.values()) == 1


def days_asked(path: str) -> list[date]:
    """The last day is asked for in case the end does not belong to the range."""
    first, last = (date.fromisoformat(parse_qs(urlsplit(path).query)[name][0]) for name in ("startDate", "endDate"))
    return run_of_days(first, (last - first).days)


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
    ours = [row for row in nights.marked_rows if row["account_id"] == sale["account_id"]]
    assert {row["status"] for row in ours} == {"match"}
    day = str(sale["complete_time"].date())
    assert [path for path in nights.marked_asked if "Sale.json" in path and "completeTime=%3E%3C%2C" in path]
    assert [path for path in nights.marked_asked if "TaxesByDay" in path and f"startDate={day[:8]}" in path]


@pytest.mark.long
def test_a_source_that_keeps_disagreeing_is_published_with_its_day_marked(nights: Nights) -> None:
    unexplained = [row for row in nights.marked_rows if row["status"] == "unexplained"]

    assert nights.marked.published
    assert [(row["account_id"], row["shop_id"], row["business_date"], row["measure"]) for row in unexplained] == [
        (230002, 1, BAD_DAY, "payments")
    ]
    assert nights.marked.record.status == "partial"
    assert nights.marked_exit == 4


@pytest.mark.long
def test_the_sentence_names_day_shop_amounts_sales_and_how_to_accept(nights: Nights) -> None:
    [row] = [row for row in nights.marked_rows if row["status"] == "unexplained"]
    [concern] = [one for one in nights.marked.concerns if one.kind == "marked"]
    amounts = f"{row['warehouse_amount']:.2f} here and {row['source_amount']:.2f} by Lightspeed"

    assert f"account 230002, shop 1, 2026-02-26, Camden Yard: payments ({row['detail']}) is {amounts}" in (
        concern.sentence
    )
    assert row["sale_ids"]
    assert f"sales in question: {row['sale_ids']}" in concern.sentence
    assert row["source_amount"] - row["warehouse_amount"] == Decimal("3.21")
    assert "tillhouse reconcile --accept 2026-02-26 --shop 1 --account 230002" in concern.sentence
    assert "--publish-anyway" not in concern.sentence


@pytest.mark.long
def test_a_difference_is_looked_into_once(nights: Nights) -> None:
    """Case 53: a night with the same difference asks for no more than any night."""
    again = [path for path in nights.next_asked if "Sale.json" in path and "completeTime=%3E%3C%2C" in path]

    assert len(nights.next_asked) < len(nights.marked_asked)
    assert len([path for path in nights.next_asked if "Reports/Accounting" in path]) == 8
    assert len(again) <= 4
    assert nights.next.record.status == "partial"


@pytest.mark.long
def test_an_accepted_difference_is_no_concern_until_its_amount_changes(nights: Nights) -> None:
    """Who accepts one says why, and it is kept where a spreadsheet can edit it."""
    file = nights.made.settings.project_dir / "accepted_differences.csv"

    assert nights.told.exit_code == 0
    assert "a float was left in" in file.read_text()
    assert nights.accepted.record.status == "ok"
    [row] = [row for row in nights.accepted_rows if row["status"] != "match"]
    assert (row["status"], row["explanation"]) == ("accepted", "a float was left in")
    assert nights.changed.record.status == "partial"
    assert [one.kind for one in nights.changed.concerns] == ["marked"]


def comparison(file: Path, *rows: tuple[int, str, str, str], standing: str = "proven") -> Path:
    """A work file with marts that say *rows*: account, measure, difference, status."""
    with warehouse.opened(file) as connection:
        connection.execute(f"create schema {warehouse.MARTS}; create schema raw_tillhouse")
        connection.execute(
            f"create table {MART} (account_id bigint, measure varchar, difference decimal(18, 4), status varchar, "
            "shop_id bigint default 1, location_name varchar default 'Dock', business_date date default '2026-03-01', "
            "detail varchar, detail_id bigint default 1, warehouse_amount decimal(18, 2) default 10, "
            "source_amount decimal(18, 2) default 10, sale_ids varchar)"
        )
        connection.execute(
            f"create table {reconciling.READINGS} as select unnest([7, 8]) as account_id, true as is_followed, "
            f"'{standing}' as standing"
        )
        told = "insert into marts.reconciliation_daily (account_id, measure, difference, status) values (?, ?, ?, ?)"
        connection.executemany(told, rows)
    return file


def test_an_account_that_was_not_read_to_its_end_is_not_fetched_again(tmp_path: Path) -> None:
    file = comparison(tmp_path / "work.duckdb", (7, "tax", "1.00", "unexplained"), (8, "tax", "2.00", "unexplained"))

    assert [found.account_id for found in reconciling.worth_healing(file, without={8})] == [7]
    assert reconciling.worth_healing(file, without={7, 8}) == []


def test_a_difference_is_fetched_again_once_for_an_amount(tmp_path: Path) -> None:
    file = comparison(tmp_path / "work.duckdb", (7, "tax", "1.00", "unexplained"), (7, "subtotal", "0.00", "match"))

    found = reconciling.worth_healing(file)
    reconciling.remember_healed(file, found)
    again = reconciling.worth_healing(file)
    with warehouse.opened(file) as connection:
        connection.execute(f"update {MART} set difference = 1.01 where measure = 'tax'")

    assert [one.measure for one in found] == ["tax"]
    assert again == []
    assert [one.difference for one in reconciling.worth_healing(file)] == [Decimal("1.01")]


def test_an_account_without_a_proof_is_not_fetched_again(tmp_path: Path) -> None:
    """A count of sales differs whatever a reading says; without a proof the night before told the same."""
    file = comparison(tmp_path / "work.duckdb", (7, "sales_count", "1.00", "unexplained"), standing="likely")

    assert len(reconciling.unexplained(file)) == 1
    assert reconciling.worth_healing(file) == []


def test_nothing_is_compared_before_anything_is_published(tmp_path: Path) -> None:
    with pytest.raises(TillhouseError, match=r"warehouse\.duckdb does not exist yet: run `tillhouse run` first"):
        reconciling.last_comparison(read_settings(tillhouse_data_dir=tmp_path))


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
        1, 0, "all shops", date(2026, 3, 1), "sales_count", None, 0, Decimal(9), Decimal(10), Decimal(-1), None
    )

    days, sales = reconciling.days_of([found, replace(found, measure="tax", sale_ids="7, 8")], 3)

    assert days == {1: {date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)}}
    assert sales == {1: {7, 8}}
