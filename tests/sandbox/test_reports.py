"""The sandbox's accounting reports have the shape of the documentation's samples."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from pipelines.sandbox.knobs import Knobs
from pipelines.sandbox.reports import REPORTS, ReportKnobs
from pipelines.sandbox.store import Store
from tests.sandbox.test_api import api, store, strings_only

__all__ = ["store"]

SAMPLES = {
    "TaxClassSalesByDay": {"date", "taxClassID", "taxClassName", "shopID", "subtotal", "fifoCost", "avgCost"},
    "TaxesByDay": {"date", "shopID", "taxCategoryID", "taxCategoryName", "tax"},
    "DiscountsByDay": {"date", "shopID", "discount"},
    "PaymentsByDay": {"date", "shopID", "amount", "paymentTypeName", "paymentTypeID"},
}
WEEK = {"startDate": "2026-02-20", "endDate": "2026-02-26"}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_has_the_fields_of_its_sample_as_strings_alone(store: Store, name: str) -> None:
    answer = api(store).get(f"Reports/Accounting/{name}.json", **WEEK).json()

    rows = answer[REPORTS[name].collection]
    assert strings_only(answer)
    assert {frozenset(row) for row in rows} == {frozenset(SAMPLES[name])}
    assert {row["date"] for row in rows} <= {f"02/{day}/2026" for day in range(20, 27)}


def test_one_row_is_an_object_and_no_row_is_no_key(store: Store) -> None:
    day = {"startDate": "2020-01-01", "endDate": "2020-01-02"}

    assert "Discounts" not in api(store).get("Reports/Accounting/DiscountsByDay.json", **day).json()
    lone = next(
        found
        for number in range(50)
        if (moment := str(date(2026, 1, 2) + timedelta(days=number)))
        and isinstance(
            found := api(store)
            .get("Reports/Accounting/DiscountsByDay.json", startDate=moment, endDate=moment)
            .json()
            .get("Discounts"),
            dict,
        )
    )
    assert set(lone) == SAMPLES["DiscountsByDay"]


def test_a_long_report_comes_in_pages_and_costs_a_drip_each(store: Store) -> None:
    client = api(store)
    url, rows = "Reports/Accounting/PaymentsByDay.json?startDate=2026-01-01&endDate=2026-03-01", []
    while url:
        answer = client.get(url)
        assert answer.headers["X-LS-Api-Request-Cost"] == "1"
        rows += answer.json()["Payments"]
        url = answer.json()["@attributes"]["next"]

    assert len(rows) > 100
    assert len({(row["date"], row["shopID"], row["paymentTypeID"]) for row in rows}) == len(rows)


def test_reports_need_a_right_of_their_own_and_dates(store: Store) -> None:
    without = api(store, None, lambda: 1e9, "employee:register_read")

    assert without.get("Reports/Accounting/TaxesByDay.json", **WEEK).status_code == 403
    assert api(store).get("Reports/Accounting/TaxesByDay.json").status_code == 400
    assert api(store).get("Reports/Accounting/TipsByDay.json", **WEEK).status_code == 404


def test_a_subtotal_is_before_discounts_or_after_them(store: Store) -> None:
    """What the two readings differ by is what the report of discounts says."""

    def total(name: str, amount: str, knobs: ReportKnobs) -> Decimal:
        answer = api(store, Knobs(speed=1_000, reports=knobs)).get(f"Reports/Accounting/{name}.json", **WEEK).json()
        return sum((Decimal(row[amount]) for row in answer[REPORTS[name].collection]), Decimal(0))

    before = total("TaxClassSalesByDay", "subtotal", ReportKnobs(rounding="line"))
    after = total("TaxClassSalesByDay", "subtotal", ReportKnobs(rounding="line", before_discounts=False))
    discounts = total("DiscountsByDay", "discount", ReportKnobs(rounding="line"))

    assert discounts > 0
    assert abs(before - after - discounts) < Decimal("0.30")
