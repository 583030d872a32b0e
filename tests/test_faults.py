"""Every fault of the sandbox's list, over a real socket: it passes, or ends in one sentence; no row is lost or doubled.

Each case strikes one table of one account, and all are read in one run: what happens to one costs no other anything.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import stamina
from click.testing import CliRunner

from pipelines.cli import main
from pipelines.sandbox.api import create_app
from pipelines.sandbox.faults import FAULTS
from pipelines.sandbox.knobs import Knobs, Trouble
from pipelines.sandbox.server import running
from pipelines.sandbox.store import Store
from pipelines.sandbox.world import Plan, build
from pipelines.settings import read_settings
from pipelines.sources.lightspeed import source as lightspeed
from pipelines.sources.lightspeed.tokens import Connection
from tests.conftest import Retail

ROOT = Path(__file__).parents[1]
ALWAYS = 99
COLLECTIONS = {
    "register": "Register",
    "payment_type": "PaymentType",
    "item": "Item",
    "customer": "Customer",
    "sale": "Sale",
}
ENTITIES = ("Account", "Shop", *COLLECTIONS.values(), "SaleLine", "SalePayment")
CLOCKS = {"timeStamp", "updateTime"}
TABLES = ("shop", *COLLECTIONS, "sale_line", "sale_payment")
SELECTED = ("sale", "item", "customer")

Row = dict[str, Any]
Rows = dict[tuple[str, int], list[Row]]


@dataclass(frozen=True)
class Case:
    """A fault, where it strikes, and what comes of it."""

    fault: str
    table: str
    page: int = 1
    times: int = 1
    says: str = ""
    """The sentence with which the table fails; empty where it does not."""
    listed: tuple[str, ...] = ()
    """Columns whose value could not be kept as it came, or came beside those we know: they are told apart."""
    next_night: int = 0
    """Rows that are there only after the next night."""
    held: str = ""
    """Why a row of each struck page is held until then."""

    def __str__(self) -> str:
        return f"{self.fault}{' always' if self.times == ALWAYS else ''} in {self.table}"

    @property
    def brings_rows(self) -> bool:
        """Whether pages came before it: its own as well, where what is wrong is the link to the next."""
        return self.page > 1 or self.fault in LINKS

    def trouble(self, account_id: int) -> Trouble:
        page = ".*after=" if self.page > 1 else ""
        return Trouble(self.fault, rf"/Account/{account_id}/{COLLECTIONS[self.table]}\.json{page}", self.times)


LINKS = {
    "next_on_another_host",
    "next_of_another_account",
    "next_that_climbs",
    "next_of_another_list",
    "next_that_is_no_address",
}

CASES = (
    # --- what passes
    Case("throttled_by_the_bucket", "item"),
    Case("throttled_by_the_burst_limit", "register"),
    Case("throttled_until_a_date", "payment_type"),
    Case("throttled_in_words", "customer"),
    Case("token_rejected", "item", page=2),
    Case("token_expires", "customer", page=2),
    Case("try_again_later", "register"),
    Case("internal_error", "register"),
    Case("bad_gateway", "payment_type"),
    Case("maintenance", "customer", page=2),
    Case("gateway_timeout", "register"),
    Case("html_that_says_200", "payment_type"),
    Case("body_cut_short", "register"),
    Case("body_cut_short", "sale", page=2),
    Case("connection_reset", "item", page=2),
    Case("gzip_broken", "register"),
    Case("gzip_cut_short", "payment_type"),
    Case("rows_twice", "item", times=ALWAYS),
    Case("rows_twice", "sale", times=ALWAYS),
    Case("json_types", "item", times=ALWAYS, listed=("extra",)),
    Case("json_types", "sale", times=ALWAYS),
    Case("row_moves", "item", page=2),
    Case("row_comes_late", "item", page=2, next_night=1),
    Case("clock_a_year_ahead", "customer", times=ALWAYS),
    Case("clock_a_year_ahead", "sale", times=ALWAYS),
    Case("clock_a_year_behind", "customer", times=ALWAYS),
    Case("clock_a_year_behind", "sale", times=ALWAYS),
    Case("clock_missing", "sale", times=ALWAYS),
    Case("limits_that_make_no_sense", "customer", times=ALWAYS),
    # --- what is kept, and listed
    Case("unknown_fields", "item", times=ALWAYS, listed=("extra",)),
    Case("unknown_fields", "sale", times=ALWAYS, listed=("extra",)),
    Case("amount_that_is_an_object", "item", listed=("default_cost",)),
    Case("junk_numbers", "item", listed=("default_cost", "tax_class_id")),
    Case("junk_dates", "item", listed=("create_time",)),
    Case("date_in_the_far_future", "item", listed=("time_stamp",)),
    Case("date_in_the_far_future", "sale", times=ALWAYS, listed=("time_stamp", "update_time")),
    Case("date_before_all_time", "customer", listed=("time_stamp",)),
    Case("junk_dates", "sale", times=ALWAYS, listed=("complete_time", "create_time")),
    # --- what ends in a sentence
    Case(
        "throttled_by_the_bucket", "customer", times=ALWAYS, says="still throttled, last asked to wait 3 s; is another"
    ),
    Case("throttled_for_a_day", "register", says="last asked to wait 86400 s"),
    Case("token_rejected", "payment_type", times=ALWAYS, says="the API refuses a fresh token; run `tillhouse connect`"),
    Case("connection_revoked", "item", page=2, says="(invalid_grant): run `tillhouse connect` to connect it again"),
    Case("scope_missing", "register", times=ALWAYS, says="give the app the scope it misses and run `tillhouse connect"),
    Case("too_many_relations", "sale", times=ALWAYS, says="HTTP 500 after every retry; try again later"),
    Case("bad_gateway", "register", times=ALWAYS, says="HTTP 502 after every retry; try again later"),
    Case("maintenance", "item", page=2, times=ALWAYS, says="HTTP 503 after every retry; try again later"),
    Case("bad_gateway", "sale", page=2, times=ALWAYS, says="HTTP 502 after every retry; try again later"),
    Case("html_that_says_200", "payment_type", times=ALWAYS, says="a body that is not a JSON object (text/html"),
    Case("body_cut_short", "customer", page=2, times=ALWAYS, says="peer closed connection without sending complete"),
    Case("connection_reset", "register", times=ALWAYS, says="ReadError after every retry"),
    Case("gzip_broken", "payment_type", times=ALWAYS, says="DecodingError after every retry"),
    Case("redirected", "payment_type", says="HTTP 302 to https://evil.example.com"),
    Case("next_read_already", "item", page=2, times=ALWAYS, says="was read already: the walk would never end"),
    Case("next_on_another_host", "customer", says="http://evil.example.com/API"),
    Case("next_of_another_account", "payment_type", says="the token was not sent; check LIGHTSPEED_API_URL"),
    Case("next_that_climbs", "customer", says="/API/V3/Account/999/Customer.json, which is not this account's list"),
    Case("next_of_another_list", "register", says="/Employee.json, which is not this account's list"),
    Case("next_that_is_no_address", "payment_type", says="names a next page at no address"),
    Case("next_missing", "customer", says="does not say what page follows"),
    Case("relations_dropped", "sale", times=ALWAYS, says="has calcSubtotal but no SaleLines came with its page"),
    Case("relations_dropped", "customer", says="has contactID but no Contact came with its page"),
    # --- what is held, row by row
    Case("junk_id", "item", held="itemID is '12.7'", next_night=1),
    Case("junk_id", "sale", held="saleID is 'none'", next_night=1),
    Case(
        "amount_that_is_an_object",
        "sale",
        times=ALWAYS,
        held='calcTotal is \'{"amount":"1.00"}\'',
        next_night=3,
    ),
    Case("junk_numbers", "sale", times=ALWAYS, held="calcTotal is '1,234.5.6'", next_night=3),
    Case("lines_in_another_shape", "sale", held="its SaleLines are in a shape we do not know", next_night=1),
)
ALONE = ("invalid_grant", "page_of_100_mb", "body_dripping")
"""Faults with a test of their own, further down."""


def _accounts() -> Iterator[tuple[Case, int]]:
    """One case a table and account; a connection that is revoked takes its account with it."""
    taken: dict[str, int] = {}
    for case in CASES:
        number = taken[case.table] = taken.get(case.table, 500_000) + 1
        yield case, 600_001 if case.fault == "connection_revoked" else number


ACCOUNTS = dict(_accounts())


@dataclass
class Served(Retail):
    """Behind a socket: its requests go over the loopback."""

    @property
    def transport(self) -> Any:
        return None

    def connect(self, *accounts: int) -> None:
        """By refresh tokens, as a merchant's browser leaves them."""
        for account_id in accounts or self.store.accounts():
            session = self.sandbox.auth.open_session(account_id)
            lightspeed.token_store(self.settings).save(
                Connection(
                    account_id,
                    str(account_id),
                    session.access_token,
                    refresh_token=session.refresh_token,
                    expires_at=session.access_ends,
                    scopes=session.scopes,
                )
            )

    def rows(self) -> Rows:
        """Of every table and account."""
        found: Rows = {}
        for table in (*TABLES, "rejected_value", "held_row", "drift"):
            for row in self.table(f"raw_lightspeed.{table}"):
                found.setdefault((table, row["account_id"]), []).append(row)
        return found

    def cursors(self) -> dict[str, dict[str, Any]]:
        state = json.loads((self.settings.tillhouse_data_dir / "dlt" / "lightspeed" / "state.json").read_text())
        found: dict[str, dict[str, Any]] = state["sources"]["lightspeed"]["cursors"]
        return found

    def whole_reads(self) -> dict[tuple[str, int], str]:
        """The run by which each list was read whole last: what that did not bring is gone."""
        with duckdb.connect(str(self.settings.work_file), read_only=True) as connection:
            sql = "select table_name, account_id, _run_id from raw_lightspeed.whole_read"
            return {(table, account): run_id for table, account, run_id in connection.execute(sql).fetchall()}


@dataclass
class Nights:
    """What came of the night of every fault at once, of the nights after it, and of a clean one elsewhere."""

    faulty: Rows
    after: Rows
    clean: Rows
    failures: dict[int, dict[str, str]]
    cursors: dict[str, dict[str, Any]]
    asked: list[str]
    second: SecondNight


@dataclass
class SecondNight:
    """A clean night, and one after it on which everything moved and every fault that ends in a sentence struck."""

    failed: set[tuple[str, int]]
    before: dict[str, dict[str, Any]]
    after: dict[str, dict[str, Any]]
    read_before: dict[tuple[str, int], str]
    read_after: dict[tuple[str, int], str]
    rows: Rows


def small_account(store: Store, source: Store, account_id: int) -> None:
    """Account 120001 of *source* again, with two pages of items and customers."""
    for entity in ENTITIES:
        rows = list(source.all(120001, entity))
        rows = rows[:30] if entity in {"Item", "Customer"} else rows
        if entity == "Account":
            rows = [row | {"accountID": account_id} for row in rows]
        store.put(account_id, entity, rows)


@pytest.fixture(scope="module")
def world() -> Iterator[Store]:
    made = Store()
    build(made, Plan(sales=60, days=20))
    yield made
    made.close()


def served(url: str, app: Any, folder: Path) -> Served:
    settings = read_settings(
        tillhouse_data_dir=folder,
        lightspeed_api_url=url,
        lightspeed_auth_url=url,
        lightspeed_client_id="sandbox-client",
        lightspeed_client_secret="sandbox-secret",
    )
    return Served(app.state.sandbox.store, app, settings)


@pytest.fixture(scope="module")
def nights(world: Store, tmp_path_factory: pytest.TempPathFactory) -> Nights:
    store = Store()
    store.set_meta("state", str(world.get_meta("state")))
    for account_id in set(ACCOUNTS.values()):
        small_account(store, world, account_id)
    app = create_app(store, Knobs(speed=10_000, page_size=15))
    with stamina.set_testing(True, attempts=3), running(app) as url:
        made = served(url, app, tmp_path_factory.mktemp("faulty") / "data")
        made.connect()
        made.sandbox.knobs.troubles = [case.trouble(account_id) for case, account_id in ACCOUNTS.items()]
        record = made.extract(tables=SELECTED).record
        failures: dict[int, dict[str, str]] = {}
        for failure in record.failures:
            failures.setdefault(failure["account_id"], {})[failure["table"]] = failure["sentence"]
        faulty, cursors, asked = made.rows(), made.cursors(), made.asked()

        made.sandbox.knobs.troubles = []
        made.connect()
        made.extract(tables=SELECTED)
        listed = tuple({ACCOUNTS[case] for case in CASES if case.listed})
        made.extract(tables=SELECTED, accounts=listed, full_refresh=True)
        after = made.rows()

        clean = made.elsewhere(tmp_path_factory.mktemp("clean") / "data")
        assert clean.extract(tables=SELECTED).record.failures == []
        rows = clean.rows()
        return Nights(faulty, after, rows, failures, cursors, asked, second_night(clean))


def second_night(made: Served) -> SecondNight:
    """After a clean one in *made*."""
    before, read_before = made.cursors(), made.whole_reads()
    move_everything(made.store)
    made.sandbox.knobs.troubles = [case.trouble(account_id) for case, account_id in ACCOUNTS.items() if case.says]
    record = made.extract(tables=SELECTED).record
    failed = {(failure["table"], failure["account_id"]) for failure in record.failures}
    return SecondNight(failed, before, made.cursors(), read_before, made.whole_reads(), made.rows())


def move_everything(store: Store) -> None:
    """Every row by a second more than the one before it, from a minute after the newest; what has a name, by that."""
    for account_id in store.accounts():
        rows = {entity: list(store.all(account_id, entity)) for entity in COLLECTIONS.values()}
        stamps = [row[clock] for moved in rows.values() for row in moved for clock in CLOCKS if row.get(clock)]
        start = max(stamp for stamp in stamps if isinstance(stamp, datetime)) + timedelta(minutes=1)
        for entity, moved in rows.items():
            for place, row in enumerate(moved):
                moment = dict.fromkeys(CLOCKS & row.keys(), start + timedelta(seconds=place))
                name = {"name": f"{row['name']}, moved"} if "name" in row else {}
                store.put(account_id, entity, [{**row, **moment, **name}])


def lost_and_doubled(mine: list[Row], clean: list[Row]) -> tuple[list[Row], list[Row]]:
    """Rows that a clean run has and *mine* has not, and the other way round, each as often as it is there."""
    left, lost = list(mine), []
    for row in clean:
        if row in left:
            left.remove(row)
        else:
            lost.append(row)
    return lost, left


def of_case(case: Case) -> list[str]:
    """The case's table and those of what it carries."""
    return [case.table, *(["sale_line", "sale_payment"] if case.table == "sale" else [])]


@pytest.mark.parametrize("case", [case for case in CASES if not case.says], ids=str)
def test_what_passes_leaves_its_table_as_a_clean_run_has_it(nights: Nights, case: Case) -> None:
    account_id = ACCOUNTS[case]

    assert case.table not in nights.failures.get(account_id, {})
    for table in of_case(case):
        mine, clean = nights.faulty[table, account_id], nights.clean[table, account_id]
        hidden = dict.fromkeys((*case.listed, "extra")) if case.listed and table == case.table else {}
        lost, doubled = lost_and_doubled([row | hidden for row in mine], [row | hidden for row in clean])
        assert doubled == []
        if table == case.table or not case.held:
            assert len(lost) == (case.next_night if table == case.table else 0)


@pytest.mark.parametrize("case", [case for case in CASES if case.held], ids=str)
def test_a_row_that_cannot_be_read_is_held_until_it_can(nights: Nights, case: Case) -> None:
    """Its page's other rows are there the same night; the next night asks for it again."""
    held, left = (
        [row for row in rows.get(("held_row", ACCOUNTS[case]), []) if row["table_name"] == case.table]
        for rows in (nights.faulty, nights.after)
    )

    assert {row["reason"] for row in held} == {case.held}
    assert len(held) == case.next_night
    assert all(json.loads(row["row"]) and row["page"] and row["business_at"] for row in held)
    assert left == []


@pytest.mark.parametrize("case", [case for case in CASES if case.listed], ids=str)
def test_what_cannot_be_kept_as_it_came_is_listed(nights: Nights, case: Case) -> None:
    account_id = ACCOUNTS[case]

    if case.fault == "json_types":
        assert ("rejected_value", account_id) not in nights.faulty
    elif case.fault == "unknown_fields":
        listed = {row["field"] for row in nights.faulty["drift", account_id] if row["table_name"] == case.table}
        assert {"loyaltyTier", "Badges"} <= listed
        extras = [json.loads(row["extra"]) for row in nights.faulty[case.table, account_id]]
        assert {extra["loyaltyTier"] for extra in extras} == {"gold"}
    else:
        notes = nights.faulty["rejected_value", account_id]
        assert {note["column_name"] for note in notes if note["table_name"] == case.table} == set(case.listed)


@pytest.mark.parametrize("case", [case for case in CASES if case.says], ids=str)
def test_what_does_not_pass_is_one_sentence(nights: Nights, case: Case) -> None:
    sentence = nights.failures[ACCOUNTS[case]][case.table]

    assert case.says in sentence
    assert "unexpected" not in sentence


def test_no_fault_costs_another_table_or_account_anything(nights: Nights) -> None:
    struck = {(table, ACCOUNTS[case]) for case in CASES for table in of_case(case)}
    revoked = next(ACCOUNTS[case] for case in CASES if case.fault == "connection_revoked")
    spared = [(table, account) for table, account in nights.clean if (table, account) not in struck]

    failed = {(table, account) for account, tables in nights.failures.items() for table in tables if account != revoked}

    assert failed == {(case.table, ACCOUNTS[case]) for case in CASES if case.says and ACCOUNTS[case] != revoked}
    assert len(spared) > 50
    for table, account in spared:
        if account != revoked and table in TABLES:
            assert lost_and_doubled(nights.faulty[table, account], nights.clean[table, account]) == ([], [])


FAILING = [case for case in CASES if case.says]


@pytest.mark.parametrize("case", FAILING, ids=str)
def test_a_table_that_failed_on_its_first_night_has_no_cursor_beyond_its_rows(nights: Nights, case: Case) -> None:
    """None where nothing came; else it is behind the pages that came before the fault."""
    account_id = ACCOUNTS[case]
    cursor = nights.cursors.get(str(account_id), {}).get(case.table, {})

    here = nights.faulty.get((case.table, account_id), [])

    assert [row for row in here if row not in nights.clean[case.table, account_id]] == []
    assert bool(here) is case.brings_rows
    assert_stands_on(cursor, case.table, here)


@pytest.mark.parametrize("case", FAILING, ids=str)
def test_a_table_that_fails_on_a_later_night_keeps_its_cursor_or_moves_it_to_what_came(
    nights: Nights, case: Case
) -> None:
    """A list that is read whole has no cursor: what it keeps is that nothing of it counts as gone."""
    second, place = nights.second, (case.table, ACCOUNTS[case])
    before, after = (state[str(ACCOUNTS[case])][case.table] for state in (second.before, second.after))

    assert place in second.failed
    assert second.read_after[place] == second.read_before[place]
    came = [row for row in second.rows[place] if row not in nights.clean[place]]
    assert bool(came) is case.brings_rows
    if came and before:
        clock, column = ("updateTime", "update_time") if case.table == "sale" else ("timeStamp", "time_stamp")
        assert after == before | {clock: max(row[column] for row in came).isoformat()}
    else:
        assert after == before


def test_a_table_that_did_not_fail_moved_its_cursor_on_that_night(nights: Nights) -> None:
    """Else none would have had anywhere to move."""
    second, checked = nights.second, 0
    revoked = next(ACCOUNTS[case] for case in CASES if case.fault == "connection_revoked")
    for account_id, tables in second.after.items():
        for table in {"item", "customer", "sale"} & tables.keys():
            if (table, int(account_id)) not in second.failed and int(account_id) != revoked:
                assert tables[table] != second.before[account_id][table], (account_id, table)
                checked += 1
    assert checked > 25


def assert_stands_on(cursor: Row, table: str, here: list[Row]) -> None:
    """*cursor* is one of a first reading that brought *here* and no more."""
    if table == "sale":
        begun, moved = {"void", "backfill_from", "deep_read"}, {"after", "backfill_timeStamp", "backfill_updateTime"}
        assert cursor.keys() == (begun | moved if here else begun & cursor.keys())
        assert cursor.get("after", 0) == max((row["sale_id"] for row in here), default=0)
    elif here and table in {"item", "customer"}:
        newest = {"timeStamp": max(row["time_stamp"] for row in here).isoformat()}
        assert cursor == newest | {"id": max(row[f"{table}_id"] for row in here)}
    else:
        assert cursor == {}


def test_after_the_next_night_no_row_is_lost_or_doubled_for_any_account(nights: Nights) -> None:
    compared = 0
    for account_id in set(ACCOUNTS.values()):
        for table in TABLES:
            mine, clean = nights.after[table, account_id], nights.clean[table, account_id]
            compared += len(clean)
            assert lost_and_doubled(mine, clean) == ([], []), (account_id, table)
    assert compared > 2_500


def test_rows_that_share_a_second_over_pages_are_all_there(nights: Nights) -> None:
    items = nights.faulty["item", 500_001]

    assert len(items) == 30
    assert len({row["time_stamp"] for row in items}) < 3


def test_no_token_ever_went_to_another_account_or_list(nights: Nights) -> None:
    assert [path for path in nights.asked if "/Account/999" in path or "/Employee.json" in path] == []


def test_every_fault_of_the_list_is_tried() -> None:
    assert {case.fault for case in CASES} | set(ALONE) == set(FAULTS)


# --- pages of every size ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(world: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two accounts behind a socket, each test in a data directory of its own."""
    store = Store()
    store.set_meta("state", str(world.get_meta("state")))
    for account_id in (7, 8):
        small_account(store, world, account_id)
    app = create_app(store, Knobs(speed=10_000))
    with running(app) as url:
        yield served(url, app, tmp_path_factory.mktemp("pair") / "data")


@pytest.fixture
def shop(pair: Served, tmp_path: Path) -> Iterator[Served]:
    knobs = replace(pair.sandbox.knobs)
    yield pair.elsewhere(tmp_path / "data")
    pair.sandbox.knobs.__dict__.update(knobs.__dict__, troubles=[])


def items_of(nights: Nights) -> list[Row]:
    """As a clean run has them, for account 7."""
    untouched = nights.clean["item", ACCOUNTS[CASES[0]]]
    return [row | {"account_id": 7} for row in untouched]


def test_a_page_of_one_row_and_a_final_empty_page_are_pages(shop: Served, nights: Nights) -> None:
    shop.sandbox.knobs.page_size, shop.sandbox.knobs.final_page_is_empty = 1, True

    record = shop.extract(tables=("item",), accounts=(7,)).record

    assert record.failures == []
    assert shop.table("raw_lightspeed.item") == items_of(nights)
    assert record.requests > 31


def test_a_page_of_100_mb_lands_in_parts_and_nothing_of_it_is_lost(shop: Served, nights: Nights) -> None:
    shop.sandbox.knobs.troubles = [Trouble("page_of_100_mb", r"/Item\.json")]

    record = shop.extract(tables=("item",), accounts=(7,)).record

    assert record.failures == []
    assert [row | {"extra": None} for row in shop.table("raw_lightspeed.item")] == [
        row | {"extra": None} for row in items_of(nights)
    ]


@pytest.mark.parametrize(
    ("bound", "says"),
    [
        (2**30, "Register: 4 of 4 rows cannot be taken: it is 25 MB long; the limit is 16 MB"),
        (2**20, "with more than 1 MB: not read"),
    ],
    ids=["a row", "an answer"],
)
def test_what_would_not_fit_the_memory_is_one_sentence(
    shop: Served, monkeypatch: pytest.MonkeyPatch, bound: int, says: str
) -> None:
    monkeypatch.setattr("pipelines.transport.ANSWER_BYTES", bound)
    shop.sandbox.knobs.troubles = [Trouble("page_of_100_mb", r"/7/Register\.json")]

    record = shop.extract(tables=("register",)).record

    assert [(failure["account_id"], failure["table"]) for failure in record.failures] == [(7, "register")]
    assert says in record.message
    assert {row["account_id"] for row in shop.table("raw_lightspeed.register")} == {8}


def test_bytes_that_drip_in_are_asked_for_again(shop: Served, nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes well within the timeout between two reads."""
    monkeypatch.setattr("pipelines.transport.ANSWER_SECONDS", 2.0)
    shop.sandbox.knobs.troubles = [Trouble("body_dripping", r"/7/Item\.json")]

    assert shop.extract(tables=("item",), accounts=(7,)).record.failures == []
    assert shop.table("raw_lightspeed.item") == items_of(nights)


def test_bytes_that_drip_in_for_ever_are_given_up(shop: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.transport.ANSWER_SECONDS", 2.0)
    shop.sandbox.knobs.troubles = [Trouble("body_dripping", r"/7/Register\.json", ALWAYS)]

    record = shop.extract(tables=("register",)).record

    assert [(failure["account_id"], failure["table"]) for failure in record.failures] == [(7, "register")]
    assert "Register: ReadTimeout after every retry: not whole after 2 s" in record.message


# --- tokens -----------------------------------------------------------------------------------------

REFRESH = """
import asyncio, sys
from pathlib import Path
import httpx
from pipelines.sources.lightspeed.auth import Authorizer, OAuth
from pipelines.sources.lightspeed.tokens import TokenStore

async def renew(url, folder, rejected):
    async with httpx.AsyncClient() as http:
        oauth = OAuth(http, auth_url=url, api_url=url, client_id="sandbox-client", client_secret="sandbox-secret")
        return await Authorizer(TokenStore(Path(folder)), oauth, 7).renew(rejected)

"""
RENEW = "print(asyncio.run(renew(*sys.argv[1:])))"
POWER_CUT = "import os; TokenStore.save = lambda *_: os._exit(9); asyncio.run(renew(*sys.argv[1:]))"


def process(shop: Served, what: str) -> subprocess.Popen[str]:
    """A process of its own that renews the token of account 7."""
    store = lightspeed.token_store(shop.settings)
    words = [shop.settings.lightspeed_api_url, str(store.folder), store.load(7).access_token]
    return subprocess.Popen([sys.executable, "-c", REFRESH + what, *words], stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_two_processes_that_find_a_token_dead_refresh_it_once(shop: Served) -> None:
    before = len(shop.sandbox.auth.refreshes)
    shop.sandbox.auth.expire(7)

    racing = [process(shop, RENEW) for _ in range(3)]
    tokens = {each.communicate(timeout=60)[0].strip() for each in racing}

    assert tokens == {lightspeed.token_store(shop.settings).load(7).access_token}
    assert len(shop.sandbox.auth.refreshes) - before == 1
    assert shop.extract(tables=("register",), accounts=(7,)).record.failures == []


@pytest.mark.parametrize("of_2024", [False, True], ids=["the rule since 2026", "the rule of 2024"])
def test_a_power_cut_between_a_tokens_answer_and_its_write(shop: Served, *, of_2024: bool) -> None:
    """Since 2026 the old refresh token is good until the new access token is used; in 2024 it was dead at once."""
    shop.sandbox.knobs.rotation_of_2024 = of_2024
    shop.sandbox.auth.expire(7)
    dying = process(shop, POWER_CUT)
    dying.communicate(timeout=60)
    assert dying.returncode == 9

    record = shop.extract(tables=("register",)).record

    failed = {failure["account_id"]: failure["sentence"] for failure in record.failures}
    assert failed.keys() == ({7} if of_2024 else set())
    assert not of_2024 or "account 7: Lightspeed no longer takes this authorization (invalid_grant): run" in failed[7]
    assert {row["account_id"] for row in shop.table("raw_lightspeed.register")} == ({8} if of_2024 else {7, 8})


@pytest.mark.parametrize("of_2024", [False, True], ids=["the rule since 2026", "the rule of 2024"])
def test_tokens_rotate_through_a_night_under_either_rule(shop: Served, *, of_2024: bool) -> None:
    shop.sandbox.knobs.rotation_of_2024 = of_2024
    for account_id in (7, 8):
        shop.sandbox.auth.expire(account_id)
    shop.sandbox.knobs.troubles = [Trouble("token_expires", r"/Account/7/Item")]

    assert shop.extract(tables=("item",)).record.failures == []


def test_a_token_answer_that_is_cut_short_is_asked_for_again(shop: Served) -> None:
    """The server has rotated by then; the old token is good until the lost one is used."""
    shop.sandbox.auth.expire(7)
    shop.sandbox.knobs.troubles = [Trouble("body_cut_short", "/auth/oauth/token")]

    assert shop.extract(tables=("register",), accounts=(7,)).record.failures == []


def test_an_invalid_grant_is_the_merchants_business(shop: Served) -> None:
    shop.sandbox.auth.expire(7)
    shop.sandbox.knobs.troubles = [Trouble("invalid_grant", "/auth/oauth/token", ALWAYS)]

    record = shop.extract(tables=("register",)).record

    assert {failure["account_id"] for failure in record.failures} == {7}
    assert "(invalid_grant): run `tillhouse connect` to connect it again" in record.message
    assert {row["account_id"] for row in shop.table("raw_lightspeed.register")} == {8}


@pytest.mark.parametrize("skew", [-86_400, 86_400])
def test_a_clock_of_ours_that_is_a_day_wrong_costs_a_refresh_at_most(
    shop: Served, nights: Nights, monkeypatch: pytest.MonkeyPatch, skew: float
) -> None:
    """It decides nothing but whether a token is near its end."""
    before, real = len(shop.sandbox.auth.refreshes), time.time
    monkeypatch.setattr("pipelines.sources.lightspeed.auth.time.time", lambda: real() + skew)

    assert shop.extract(tables=("item",), accounts=(7,)).record.failures == []

    assert len(shop.sandbox.auth.refreshes) - before <= 1
    assert shop.table("raw_lightspeed.item") == items_of(nights)
    assert shop.cursors()["7"]["item"] == nights.cursors[str(ACCOUNTS[CASES[0]])]["item"]


# --- what the user sees -----------------------------------------------------------------------------


@pytest.mark.long
def test_one_accounts_junk_ends_a_night_with_4_and_costs_the_row_that_totals_rest_on(
    shop: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A junk amount that no total rests on is listed; a sale with one that totals rest on is held, the others count."""
    monkeypatch.setenv("LIGHTSPEED_API_URL", shop.settings.lightspeed_api_url)
    monkeypatch.setenv("LIGHTSPEED_AUTH_URL", shop.settings.lightspeed_auth_url)
    monkeypatch.setenv("LIGHTSPEED_CLIENT_ID", "sandbox-client")
    monkeypatch.setenv("LIGHTSPEED_CLIENT_SECRET", "sandbox-secret")
    shop.sandbox.knobs.troubles = [
        Trouble("junk_numbers", r"/8/Sale\.json", ALWAYS),
        Trouble("junk_numbers", r"/7/Item\.json", ALWAYS),
    ]

    ended = CliRunner().invoke(main, ["--data-dir", str(shop.settings.tillhouse_data_dir), "run"])

    assert ended.exit_code == 4, ended.output
    assert "calcTotal is '1,234.5.6'" in ended.stderr
    held = shop.query("select distinct account_id, table_name from marts.held_rows")
    published = shop.query("select distinct account_id from marts.fct_orders order by all")
    assert (held, published) == ([(8, "sale")], [(7,), (8,)])


def test_every_fault_stands_in_the_runbook() -> None:
    runbook = (ROOT / "docs" / "runbooks" / "when-the-api-misbehaves.md").read_text(encoding="utf-8")
    named = {
        name
        for row in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", runbook, re.MULTILINE)
        for name in row.split("`")[1::2]
    }

    assert named == set(FAULTS)
