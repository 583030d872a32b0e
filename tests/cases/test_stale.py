"""An account without sales for days is said to be stale (case 42)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest

from pipelines import concerns
from pipelines.concerns import Concern
from pipelines.settings import read_settings

TODAY = datetime.now(UTC).date()


@pytest.fixture
def marts() -> Iterator[duckdb.DuckDBPyConnection]:
    """What of the published marts says how old an account's figures are."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; create schema marts")
        connection.execute(
            "create table marts.revenue_by_location_daily (account_id bigint, business_date date);"
            "create table marts.dim_locations (account_id bigint, shop_id bigint, is_archived boolean);"
            "create table marts.pipeline_run_tables (source varchar, account_id bigint, table_name varchar, "
            "run_id varchar, failure varchar, began_at timestamptz)"
        )
        yield connection


def account(
    marts: duckdb.DuckDBPyConnection, account_id: int, *, sold: int, read: int, archived: tuple[bool, ...] = (False,)
) -> None:
    """One that sold *sold* days ago last and was read *read* days ago."""
    marts.execute(
        "insert into marts.revenue_by_location_daily values (?, ?)", [account_id, TODAY - timedelta(days=sold)]
    )
    for shop_id, is_archived in enumerate(archived, start=1):
        marts.execute("insert into marts.dim_locations values (?, ?, ?)", [account_id, shop_id, is_archived])
    began = datetime.now(UTC) - timedelta(days=read)
    marts.execute(
        "insert into marts.pipeline_run_tables values ('lightspeed', ?, 'sale', '1', '', ?)", [account_id, began]
    )


def stale(marts: duckdb.DuckDBPyConnection, days: int = 4) -> list[Concern]:
    found = concerns.read(marts, read_settings(tillhouse_stale_days=days))
    return [concern for concern in found if concern.kind == "stale"]


def test_an_account_is_stale_from_the_day_after_the_last_that_is_allowed(marts: duckdb.DuckDBPyConnection) -> None:
    account(marts, 1, sold=1, read=0)
    account(marts, 2, sold=4, read=0)
    account(marts, 3, sold=5, read=0)

    assert [concern.account_id for concern in stale(marts)] == [3]
    assert [concern.account_id for concern in stale(marts, 1)] == [2, 3]
    assert [concern.account_id for concern in stale(marts, 5)] == []


def test_a_date_in_the_future_hides_nothing(marts: duckdb.DuckDBPyConnection) -> None:
    account(marts, 1, sold=5, read=0)
    marts.execute("insert into marts.revenue_by_location_daily values (1, date '2099-03-02')")

    assert [concern.account_id for concern in stale(marts)] == [1]


def test_the_setting_turns_it_off(marts: duckdb.DuckDBPyConnection) -> None:
    account(marts, 1, sold=272, read=0)

    assert stale(marts, 0) == []


def test_it_says_since_when_and_whether_lightspeed_was_asked(marts: duckdb.DuckDBPyConnection) -> None:
    account(marts, 1, sold=10, read=0)
    account(marts, 2, sold=10, read=9)

    closed, unread = stale(marts)

    since = TODAY - timedelta(days=10)
    assert f"account 1 is stale: its newest business date is {since}" in closed.sentence
    assert f"no newer sale when it was last asked, on {TODAY}" in closed.sentence
    assert f"its sales were last read to their end on {TODAY - timedelta(days=9)}" in unread.sentence
    assert "TILLHOUSE_STALE_DAYS" in closed.sentence


def test_an_account_whose_shops_are_all_archived_has_closed(marts: duckdb.DuckDBPyConnection) -> None:
    account(marts, 1, sold=200, read=0, archived=(True, True))
    account(marts, 2, sold=200, read=0, archived=(True, False))

    assert [concern.account_id for concern in stale(marts)] == [2]


def test_an_account_that_has_never_sold_is_not_stale(marts: duckdb.DuckDBPyConnection) -> None:
    marts.execute("insert into marts.dim_locations values (1, 1, false)")

    assert stale(marts) == []


def test_the_default_is_a_weekend_and_a_holiday() -> None:
    """A shop that closes at weekends has sold on Friday when Monday is a holiday and the night begins on Tuesday."""
    assert (date(2026, 5, 26) - date(2026, 5, 22)).days == 4
    assert type(read_settings()).model_fields["tillhouse_stale_days"].default == 4
