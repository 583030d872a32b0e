"""Case 43: whichever way Lightspeed rounds a second tax, the marts are the headers' own figures."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.sandbox import truth
from pipelines.sandbox.amounts import HeaderTotal
from pipelines.sandbox.knobs import Knobs
from pipelines.sandbox.reports import ReportKnobs
from pipelines.sandbox.world import Plan
from tests.cases.prepared import MODELS, Prepared
from tests.conftest import retail

TWO_TAXES = 120001
SUMS = ("net_sales", "tax", "total_sales", "discounts")


@pytest.mark.long
@pytest.mark.parametrize("headers_own", [False, True], ids=["reports add lines", "reports add tickets"])
@pytest.mark.parametrize("header_total", ["of_its_parts", "of_its_lines"])
def test_the_daily_mart_is_the_headers_own_to_the_cent(
    header_total: HeaderTotal, headers_own: bool, tmp_path: Path
) -> None:
    knobs = Knobs(speed=10_000, reports=ReportKnobs(headers_own=headers_own))
    made = retail(tmp_path / "data", Plan(sales=200, days=30, header_total=header_total), knobs)
    made.extract(accounts=(TWO_TAXES,))
    prepared = Prepared.of(made.settings.work_file, made.store, tmp_path / "prepared")
    prepared.build(1, (*MODELS, "+revenue_by_location_daily"))
    days = prepared.rows("select * from marts.revenue_by_location_daily")
    compared = prepared.rows("select distinct measure, status from marts.reconciliation_daily")

    ours = {(row["shop_id"], str(row["business_date"])): [Decimal(row[name]) for name in SUMS] for row in days}
    theirs = {
        (row["shop_id"], str(row["business_date"])): [row[name] for name in SUMS]
        for row in truth.daily_totals(made.store)
        if row["account_id"] == TWO_TAXES
    }
    assert ours == theirs
    assert {row["status"] for row in compared} == {"match"}
    made.store.close()
