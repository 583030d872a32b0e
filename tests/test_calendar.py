"""The fiscal calendar by its printed dates, and comparable sales by the world's own totals; both in plain Python."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from pipelines import transformation
from pipelines.errors import SettingsError
from pipelines.sandbox import truth
from pipelines.sandbox.catalogue import RETAILERS
from pipelines.sandbox.world import now
from pipelines.settings import read_settings
from pipelines.warehouse import rows
from tests.conftest import Retail

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = [date(2000, month, 1).strftime("%B") for month in range(1, 13)]
DAY, YEARS = timedelta(days=1), range(1998, 2062)


@dataclass(frozen=True)
class Calendar:
    """A fiscal calendar, by the words of fiscal.sql."""

    pattern: str = "4-5-4"
    ends_in_month: int = 1
    year_end: str = "nearest"
    week_starts_on: str = "sunday"
    named_by: str = "start"

    def end(self, year: int) -> date:
        """The last day of the fiscal year that ends about its month of *year*: looked for day by day."""
        month_end = date(year + self.ends_in_month // 12, self.ends_in_month % 12 + 1, 1) - DAY
        around = [month_end + DAY * shift for shift in range(-6, 1 if self.year_end == "last" else 4)]
        last_weekday = (WEEKDAYS.index(self.week_starts_on) - 1) % 7
        return min((day for day in around if day.weekday() == last_weekday), key=lambda day: abs(day - month_end))

    def days(self, year: int) -> list[date]:
        first = self.end(year - 1) + DAY
        return [first + DAY * number for number in range((self.end(year) - first).days + 1)]

    def name(self, year: int) -> int:
        return year if self.named_by == "end" or self.ends_in_month == 12 else year - 1


NRF = Calendar()
CALENDARS = (
    NRF,
    Calendar(pattern="4-4-5"),
    Calendar(pattern="5-4-4"),
    *(
        Calendar("5-4-4", month, end, WEEKDAYS[(month + shift) % 7], named)
        for shift, (end, named) in enumerate((("nearest", "start"), ("last", "end")))
        for month in range(1, 13)
    ),
)
INLINE = """
{% for calendar in CALENDARS %}
with bounds as (select cast('1999-01-15' as date) as first_date, cast('2060-12-31' as date) as last_date),
days as ({{ days_between('bounds', 'first_date', 'last_date') }})
select * from ({{ fiscal_days('days', calendar) }}) order by date_day
{% if not loop.last %};{% endif %}
{% endfor %}
"""


@pytest.fixture(scope="module")
def fiscal_days(tmp_path_factory: pytest.TempPathFactory) -> list[dict[date, dict[str, Any]]]:
    """What the macro says of every day from 1999 to 2060, for each of CALENDARS; of the second by a setting."""
    variables = {"fiscal_pattern": CALENDARS[1].pattern}
    settings = read_settings(tillhouse_data_dir=tmp_path_factory.mktemp("days"), tillhouse_dbt_vars=variables)
    duckdb.connect(str(settings.work_file)).close()
    told = json.dumps([asdict(NRF), None, *map(asdict, CALENDARS[2:])]).replace("null", "none")
    result = transformation.run_dbt(settings, "compile", "--inline", INLINE.replace("CALENDARS", told))
    with duckdb.connect() as con:
        answers = [rows(con, sql) for sql in result.result[0].node.compiled_code.split(";")]
    return [{row["date_day"]: row for row in answer} for answer in answers]


def told_by_hand(calendar: Calendar) -> Iterator[dict[str, Any]]:
    """Week by week: each year's periods by its pattern, last year's days beside them."""
    lengths = [int(weeks) for weeks in calendar.pattern.split("-")] * 4
    for year in YEARS:
        days, last = calendar.days(year), calendar.days(year - 1)
        restated = last[7:] if len(last) == 53 * 7 else last
        period_of_week = [period for period, weeks in enumerate(lengths, start=1) for _ in range(weeks)] + [12]
        for number, day in enumerate(days):
            period = period_of_week[number // 7]
            yield {
                "date_day": day,
                "fiscal_year": calendar.name(year),
                "fiscal_quarter": (period + 2) // 3,
                "fiscal_period": period,
                "fiscal_period_name": MONTHS[(calendar.ends_in_month + period - 1) % 12],
                "fiscal_week": number // 7 + 1,
                "day_of_fiscal_week": number % 7 + 1,
                "fiscal_week_start_date": days[number // 7 * 7],
                "fiscal_week_end_date": days[number // 7 * 7 + 6],
                "fiscal_year_start_date": days[0],
                "fiscal_year_end_date": days[-1],
                "last_fiscal_year_start_date": last[0],
                "weeks_in_fiscal_year": len(days) // 7,
                "is_week_53": number >= 52 * 7,
                "comp_date_restated": restated[number] if number < 52 * 7 else None,
                "comp_date_fiscal": last[number] if number < len(last) else None,
                "comp_date_calendar": None if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1),
            }


def test_every_calendar_is_what_counting_by_hand_gives(fiscal_days: list[dict[date, dict[str, Any]]]) -> None:
    """Three patterns, twelve months, both ends of a year, all first weekdays, each day of 1999 to 2060."""
    for calendar, found in zip(CALENDARS, fiscal_days, strict=True):
        told = {row["date_day"]: row for row in told_by_hand(calendar)}

        assert found == {day: told[day] for day in found}, calendar
        assert len(found) == (date(2061, 1, 1) - date(1999, 1, 15)).days


def test_nrf_has_its_53_week_years_and_its_printed_dates(fiscal_days: list[dict[date, dict[str, Any]]]) -> None:
    years = {row["fiscal_year"]: row for row in fiscal_days[0].values()}

    long_years = [year for year, row in years.items() if row["weeks_in_fiscal_year"] == 53]
    assert [year for year in long_years if 2000 <= year <= 2040] == [2000, 2006, 2012, 2017, 2023, 2028, 2034, 2040]
    assert {
        year: (str(years[year]["fiscal_year_start_date"]), str(years[year]["fiscal_year_end_date"]))
        for year in range(2022, 2030)
    } == {
        2022: ("2022-01-30", "2023-01-28"),
        2023: ("2023-01-29", "2024-02-03"),
        2024: ("2024-02-04", "2025-02-01"),
        2025: ("2025-02-02", "2026-01-31"),
        2026: ("2026-02-01", "2027-01-30"),
        2027: ("2027-01-31", "2028-01-29"),
        2028: ("2028-01-30", "2029-02-03"),
        2029: ("2029-02-04", "2030-02-02"),
    }


def test_the_saturday_nearest_to_january_is_the_rule_of_more_than_three_days(
    fiscal_days: list[dict[date, dict[str, Any]]],
) -> None:
    """A 53rd week is added where more than three days of January remain after week 52: FY1999 to FY2059."""
    starts = {row["fiscal_year"]: row["fiscal_year_start_date"] for row in fiscal_days[0].values()}
    first = starts[1999]

    for year in range(1999, 2060):
        assert starts[year] == first
        after_week_52 = first + DAY * 364
        remaining = (date(year + 1, 1, 31) - after_week_52).days + 1
        first = after_week_52 + DAY * (7 if remaining > 3 else 0)


def test_a_restated_day_is_364_days_before_and_week_53_has_none(
    fiscal_days: list[dict[date, dict[str, Any]]],
) -> None:
    """Restated FY2017 is pushed back by a week: its week 1 is 5 to 11 February 2017."""
    nrf = fiscal_days[0]
    days = [row for row in nrf.values() if 2001 <= row["fiscal_year"] <= 2035]

    of_week_1 = [row for row in days if (row["fiscal_year"], row["fiscal_week"]) == (2018, 1)]
    assert [row["comp_date_restated"] for row in of_week_1] == [date(2017, 2, day) for day in range(5, 12)]
    for row in days:
        before = nrf[row["date_day"] - DAY * 364]
        if row["is_week_53"]:
            assert row["comp_date_restated"] is None
            assert (before["fiscal_year"], before["fiscal_week"]) == (row["fiscal_year"], 1)
        else:
            pushed = before["fiscal_week"] - (before["weeks_in_fiscal_year"] == 53)
            assert row["comp_date_restated"] == before["date_day"]
            assert (before["fiscal_year"], pushed) == (row["fiscal_year"] - 1, row["fiscal_week"])
            assert before["day_of_fiscal_week"] == row["day_of_fiscal_week"]


# --- comparable sales -----------------------------------------------------------------------------

Amounts = tuple[Decimal, Decimal, int, int]
"""Comparable and other net sales, comparable and other transactions."""


@dataclass
class Location:
    """What a shop or channel sold by day, added up by the world itself."""

    net_sales: dict[date, Decimal]
    transactions: dict[date, int]
    today: date

    @property
    def comparable_from(self) -> date:
        """The first of the month behind thirteen full ones."""
        opened = min(day for day, count in self.transactions.items() if count)
        months = opened.year * 12 + opened.month - 1 + (opened.day > 1) + 13
        return date(months // 12, months % 12 + 1, 1)

    def on(self, days: list[date], of: list[date]) -> Amounts:
        """The sums of *days*, which are comparable where those of *of* are; the two go side by side."""
        comp = [day for day, this_year in zip(days, of, strict=True) if this_year >= self.comparable_from]
        rest = [day for day in days if day not in comp]
        net = [sum((self.net_sales.get(day, Decimal(0)) for day in part), Decimal(0)) for part in (comp, rest)]
        count = [sum(self.transactions.get(day, 0) for day in part) for part in (comp, rest)]
        return net[0], net[1], count[0], count[1]


def locations(made: Retail) -> dict[tuple[int, str], Location]:
    zones = {
        (retailer.account_id, f"shop:{shop.shop_id}"): ZoneInfo(shop.zone)
        for retailer in RETAILERS
        for shop in retailer.shops
    }
    sold: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    for row in truth.location_totals(made.store, online=False):
        sold[row["account_id"], row["location"]].append(row)
    return {
        place: Location(
            {date.fromisoformat(row["business_date"]): row["net_sales"] for row in told},
            {date.fromisoformat(row["business_date"]): row["transactions"] for row in told},
            now(made.store).astimezone(zones[place]).date(),
        )
        for place, told in sold.items()
        if place in zones
    }


def weeks(location: Location) -> Iterator[tuple[date, int, Amounts, Amounts]]:
    """Each week with a sale in either year on the days that are over: their number, and both years' amounts."""
    sold = [*location.net_sales, *(day + DAY * 364 for day in location.net_sales)]
    for sunday in sorted({day - DAY * ((day.weekday() + 1) % 7) for day in sold if day < location.today}):
        days = [day for number in range(7) if (day := sunday + DAY * number) < location.today]
        last_year = [day - DAY * 364 for day in days]
        yield sunday, len(days), location.on(days, days), location.on(last_year, days)


def test_comparable_sales_are_the_worlds_own_days_side_by_side(traded: Retail) -> None:
    """Each shop's weeks, the one that has just begun included: its clock, not the night's, says which days are over."""
    told = {
        (*place, sunday): (days_over, *this_year, *last_year)
        for place, location in locations(traded).items()
        for sunday, days_over, this_year, last_year in weeks(location)
    }

    found = {
        (account, location, sunday): tuple(amounts)
        for account, location, sunday, *amounts in traded.query(
            "select account_id, location_key, fiscal_week_start_date, days_over, comp_net_sales, non_comp_net_sales, "
            "comp_transactions, non_comp_transactions, comp_net_sales_last_year, non_comp_net_sales_last_year, "
            "comp_transactions_last_year, non_comp_transactions_last_year "
            "from marts.comparable_sales_weekly where location_kind = 'shop'"
        )
    }

    assert found == told
    read_until = traded.query(
        "select distinct location_key, cast(last_date_over as varchar) from marts.comparable_sales_weekly "
        "where account_id = 120001 and location_kind = 'shop' order by all"
    )
    assert read_until == [("shop:1", "2026-03-03"), ("shop:2", "2026-03-03"), ("shop:3", "2026-03-02")]
    assert sum(row[1] for row in found.values()) > 0 < sum(row[5] for row in found.values())


def test_a_view_is_published_as_what_it_shows(traded: Retail) -> None:
    """Each shop's day beside the days of last year, and nothing lost on the way."""
    [(count, net, days)] = traded.query(
        "select count(*), sum(net_sales), sum(net_sales_restated) from marts.revenue_by_location_comparisons"
    )
    [(told,)] = traded.query("select sum(net_sales) from marts.revenue_by_location_daily")
    [(last_year,)] = traded.query(
        "select sum(net_sales) from marts.revenue_by_location_daily "
        "where business_date + 364 <= (select max(business_date) from marts.revenue_by_location_daily)"
    )

    assert (net, days) == (told, last_year)
    assert count > 500
    assert traded.query("select count(*) from duckdb_views() where schema_name = 'marts'") == [(0,)]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("4-4-5", "is not a JSON object such as"),
        ("[1]", "is not a JSON object such as"),
        ('{"fiscal_patern": "4-4-5"}', "fiscal_patern is not a variable; the variables are .*, comp_method, "),
        ('{"cost_basis": "fifo"}', "cost_basis is set by TILLHOUSE_COST_BASIS"),
    ],
)
def test_a_variable_that_no_model_has_is_said_before_anything_is_done(
    text: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILLHOUSE_DBT_VARS", text)

    with pytest.raises(SettingsError, match=wrong):
        read_settings()
