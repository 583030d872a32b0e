"""Every fault of the sandbox's list, over a real socket: it passes, or ends in one sentence; no row is lost or doubled.

Each case strikes one table of one account, and all are read in one run: what happens to one costs no other anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stamina

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

ALWAYS = 99
COLLECTIONS = {
    "register": "Register",
    "payment_type": "PaymentType",
    "item": "Item",
    "customer": "Customer",
    "sale": "Sale",
}
ENTITIES = ("Account", "Shop", *COLLECTIONS.values(), "SaleLine", "SalePayment")
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

    def __str__(self) -> str:
        return f"{self.fault}{' always' if self.times == ALWAYS else ''} in {self.table}"

    def trouble(self, account_id: int) -> Trouble:
        page = ".*after=" if self.page > 1 else ""
        return Trouble(self.fault, rf"/Account/{account_id}/{COLLECTIONS[self.table]}\.json{page}", self.times)


CASES = (
    # --- what passes
    Case("throttled_by_the_bucket", "item"),
    Case("throttled_by_the_burst_limit", "register"),
    Case("throttled_until_a_date", "payment_type"),
    Case("throttled_in_words", "customer"),
    Case("token_rejected", "item", page=2),
    Case("token_expires", "customer", page=2),
    Case("try_again_later", "register"),
    Case("internal_error", "sale"),
    Case("bad_gateway", "payment_type"),
    Case("maintenance", "customer", page=2),
    Case("gateway_timeout", "register"),
    Case("html_that_says_200", "payment_type"),
    Case("body_cut_short", "item"),
    Case("body_cut_short", "sale", page=2),
    Case("body_dripping", "customer"),
    Case("connection_reset", "item", page=2),
    Case("gzip_broken", "register"),
    Case("gzip_cut_short", "payment_type"),
    Case("rows_twice", "item", times=ALWAYS),
    Case("rows_twice", "sale", times=ALWAYS),
    Case("json_types", "item", times=ALWAYS),
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
    Case("amount_that_is_an_object", "sale", listed=("calc_total",)),
    Case("junk_numbers", "item", listed=("default_cost", "tax_class_id")),
    Case("junk_numbers", "sale", times=ALWAYS, listed=("calc_total", "shop_id")),
    Case("junk_dates", "sale", times=ALWAYS, listed=("create_time", "complete_time")),
    Case("date_in_the_far_future", "item", listed=("time_stamp",)),
    Case("date_in_the_far_future", "sale", times=ALWAYS, listed=("time_stamp", "update_time")),
    Case("date_before_all_time", "customer", listed=("time_stamp",)),
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
    Case("html_that_says_200", "payment_type", times=ALWAYS, says="a body that is not a JSON object (text/html"),
    Case("body_cut_short", "customer", page=2, times=ALWAYS, says="peer closed connection without sending complete"),
    Case("connection_reset", "register", times=ALWAYS, says="ReadError after every retry"),
    Case("gzip_broken", "payment_type", times=ALWAYS, says="DecodingError after every retry"),
    Case("redirected", "payment_type", says="HTTP 302 to https://evil.example.com"),
    Case("next_read_already", "item", page=2, times=ALWAYS, says="was read already: the walk would never end"),
    Case("next_on_another_host", "customer", says="http://evil.example.com/API"),
    Case("next_of_another_account", "item", says="the token was not sent; check LIGHTSPEED_API_URL"),
    Case("next_that_climbs", "customer", says="/API/V3/Account/999/Customer.json, which is not this account's list"),
    Case("next_of_another_list", "register", says="/Employee.json, which is not this account's list"),
    Case("next_that_is_no_address", "payment_type", says="names a next page at no address"),
    Case("next_missing", "customer", says="does not say what page follows"),
    Case("relations_dropped", "sale", times=ALWAYS, says="has calcSubtotal but no SaleLines came with its page"),
    Case("relations_dropped", "customer", says="has contactID but no Contact came with its page"),
    Case("junk_id", "item", says="without a usable itemID ('12.7')"),
    Case("junk_id", "sale", says="without a usable saleID ('none')"),
    Case("lines_in_another_shape", "sale", says="its SaleLines are not a shape we know"),
)
ALONE = ("invalid_grant", "page_of_100_mb")
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
        for table in (*TABLES, "rejected_value", "drift"):
            for row in self.table(f"raw_lightspeed.{table}"):
                found.setdefault((table, row["account_id"]), []).append(row)
        return found

    def cursors(self) -> dict[str, dict[str, Any]]:
        state = json.loads((self.settings.tillhouse_data_dir / "dlt" / "lightspeed" / "state.json").read_text())
        found: dict[str, dict[str, Any]] = state["sources"]["lightspeed"]["cursors"]
        return found


@dataclass
class Nights:
    """What came of the night of every fault at once, of the nights after it, and of a clean one elsewhere."""

    faulty: Rows
    after: Rows
    clean: Rows
    failures: dict[int, dict[str, str]]
    cursors: dict[str, dict[str, Any]]
    asked: list[str]


def small_account(store: Store, source: Store, account_id: int) -> None:
    """Account 120001 of *source* again, with three pages of items and customers."""
    for entity in ENTITIES:
        rows = list(source.all(120001, entity))
        rows = rows[:50] if entity in {"Item", "Customer"} else rows
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
    app = create_app(store, Knobs(speed=10_000, page_size=20))
    with (
        stamina.set_testing(True, attempts=3),
        pytest.MonkeyPatch.context() as patch,
        running(app) as url,
    ):
        patch.setattr("pipelines.transport.ANSWER_SECONDS", 6.0)
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
        return Nights(faulty, after, clean.rows(), failures, cursors, asked)


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
        hidden = dict.fromkeys((*case.listed, "extra")) if case.listed else {}
        lost, doubled = lost_and_doubled([row | hidden for row in mine], [row | hidden for row in clean])
        assert doubled == []
        assert len(lost) == (case.next_night if table == case.table else 0)


@pytest.mark.parametrize("case", [case for case in CASES if case.listed], ids=str)
def test_what_cannot_be_kept_as_it_came_is_listed(nights: Nights, case: Case) -> None:
    account_id = ACCOUNTS[case]

    if case.fault == "unknown_fields":
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
    assert len(spared) > 60
    for table, account in spared:
        if account != revoked and table in TABLES:
            assert lost_and_doubled(nights.faulty[table, account], nights.clean[table, account]) == ([], [])


@pytest.mark.parametrize("case", [case for case in CASES if case.says], ids=str)
def test_the_cursor_of_a_table_that_failed_stands_on_rows_that_are_there(nights: Nights, case: Case) -> None:
    """It stays where it was, or behind the pages that came before the fault."""
    account_id = ACCOUNTS[case]
    cursor = nights.cursors.get(str(account_id), {}).get(case.table, {})

    here = nights.faulty.get((case.table, account_id), [])

    assert [row for row in here if row not in nights.clean[case.table, account_id]] == []
    if not here:
        assert cursor.keys() <= {"backfill_from", "deep_read", "void"}
    elif case.table != "sale":
        assert cursor["timeStamp"] == max(row["time_stamp"] for row in here).isoformat()


def test_after_the_next_night_no_row_is_lost_or_doubled_for_any_account(nights: Nights) -> None:
    compared = 0
    for account_id in set(ACCOUNTS.values()):
        for table in TABLES:
            mine, clean = nights.after[table, account_id], nights.clean[table, account_id]
            compared += len(clean)
            assert lost_and_doubled(mine, clean) == ([], []), (account_id, table)
    assert compared > 3_000


def test_no_token_ever_went_to_another_account_or_list(nights: Nights) -> None:
    assert [path for path in nights.asked if "/Account/999" in path or "/Employee.json" in path] == []


def test_every_fault_of_the_list_is_tried() -> None:
    assert {case.fault for case in CASES} | set(ALONE) == set(FAULTS)
