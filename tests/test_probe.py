"""`tillhouse probe`: what it asks, shows, keeps and applies."""

from __future__ import annotations

import asyncio
import json
import logging
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from pipelines import logs, probe
from pipelines.cli import main, out
from pipelines.errors import SettingsError
from pipelines.extraction import Delivery, Failure
from pipelines.landing import Landing, kept_rows
from pipelines.probe import Probed
from pipelines.sandbox.entities import ENTITIES
from pipelines.sandbox.knobs import Fault
from pipelines.sandbox.server import running
from pipelines.sandbox.store import Record, Store
from pipelines.sandbox.world import Plan
from pipelines.sources.lightspeed import source as lightspeed
from pipelines.sources.lightspeed.behaviour import Behaviour, behaviour_of, path_of, save
from pipelines.sources.lightspeed.endpoints import ENDPOINTS
from pipelines.sources.lightspeed.probing.shapes import MOST_FIELDS
from pipelines.sources.lightspeed.tokens import Connection
from tests.conftest import Retail, retail

PLAN = Plan(sales=240, days=12)
US, CANADA = 120001, 230002


@pytest.fixture(autouse=True)
def _closed_log() -> Iterator[None]:
    yield
    for handler in logging.getLogger("tillhouse").handlers:
        handler.close()


@pytest.fixture
def there(tmp_path: Path) -> Retail:
    return retail(tmp_path / "data", PLAN)


def examined(there: Retail, *accounts: int, **asked: Any) -> list[Probed]:
    return asyncio.run(probe.examine(there.settings, accounts, transport=there.transport, **asked))


def kept(there: Retail, account_id: int = US) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((there.settings.tillhouse_data_dir / "probe" / f"{account_id}.json").read_text())
    return told


def typed(there: Retail, *words: str) -> Result:
    """The command against the sandbox behind a socket."""
    with running(there.app) as url:
        addresses = {"LIGHTSPEED_API_URL": url, "LIGHTSPEED_AUTH_URL": url}
        return CliRunner().invoke(
            main, ["--data-dir", str(there.settings.tillhouse_data_dir), "probe", *words], env=addresses
        )


# --- asking -------------------------------------------------------------------------------------


def test_an_account_is_only_read_within_the_budget_and_every_fact_is_decided_or_says_why(there: Retail) -> None:
    [probed] = examined(there, US)

    asked = there.sandbox.requests[2:]  # Each account was connected by one.
    assert {method for method, *_ in asked} == {"GET"}
    assert probed.drips == round(sum(cost for *_, cost in asked), 3)
    assert probed.drips <= probe.BUDGET
    assert probed.requests == len(asked)
    assert {finding.verdict for finding in probed.findings} <= {"as expected", "differs", "learnt", "not decided"}
    assert [finding for finding in probed.findings if not finding.seen or not finding.tillhouse] == []
    assert probed.changes == []


def test_what_the_budget_does_not_reach_is_not_asked(there: Retail) -> None:
    [probed] = examined(there, US, budget=12.0)

    unasked = [finding for finding in probed.findings if finding.verdict == "not asked"]
    assert 0 < probed.drips <= 12
    assert {finding.seen for finding in unasked} == {"not asked (budget)"}
    assert len(unasked) > 30
    assert probed.findings[0].verdict == "as expected"
    assert kept(there)["facts"][-1]["seen"] == "not asked (budget)"


def test_all_accounts_are_probed_and_one_that_fails_keeps_no_other_from_it(there: Retail) -> None:
    there.sandbox.auth.disconnect(US)

    refused, *others = examined(there, budget=10.0)

    assert "run `tillhouse connect`" in refused.failure
    assert [one.failure for one in others] == [""]
    assert not (there.settings.tillhouse_data_dir / "probe" / f"{US}.json").exists()


def test_a_rate_limited_answer_is_waited_for_and_a_server_that_fails_once_is_asked_again(there: Retail) -> None:
    there.sandbox.knobs.faults += [
        Fault("Register.json", 429, b"", {"Retry-After": "1"}),
        Fault("Category.json", 502, b"<html>"),
    ]

    [probed] = examined(there, US)

    seen = {finding.fact: finding.seen for finding in probed.findings}
    assert seen["table register"] == "4 rows"
    assert seen["table category"] == "9 rows"


def test_an_endpoint_without_the_right_or_out_of_order_is_an_answer(there: Retail) -> None:
    there.sandbox.knobs.faults.append(Fault("Discount.json", 500, b"oops", times=100))
    token = there.sandbox.auth.bearer(US, ("employee:register_read", "employee:inventory_read"))
    lightspeed.token_store(there.settings).save(Connection(US, "no refresh", token))

    [probed] = examined(there, US)

    seen = {finding.fact: finding.seen for finding in probed.findings}
    assert probed.failure == ""
    assert seen["table vendor"] == seen["table customer"] == seen["table sale_void"] == "no right to it (HTTP 403)"
    assert seen["what TaxesByDay holds"] == "no right to it (HTTP 403)"
    assert seen["table discount"] == "no answer"
    assert seen["table sale"] == "100 rows"


def test_an_answer_in_no_shape_of_ours_costs_no_other_fact(there: Retail) -> None:
    deep = b'{"@attributes":{"next":""},"Shop":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    long = {"saleLineID": "9" * 5_000, "saleID": "\u00b2", "timeStamp": "soon"}
    odd = json.dumps({"@attributes": [], "SaleLine": [long, long, 7, None, {"timeStamp": "9999-12-31T23:59:59-14:00"}]})
    wide = json.dumps({"@attributes": {"next": ""}, "Register": {f"field{number}": {} for number in range(5_000)}})
    sale = {
        "saleID": "1",
        "calcTotal": "9" * 400,
        "calcTax1": "1e999999",
        "completed": True,
        "SaleLines": {"SaleLine": 3},
    }
    sales = json.dumps({"@attributes": {"next": ""}, "Sale": [sale, {"shopID": [], "updateTime": {}}]})
    there.sandbox.knobs.faults += [
        Fault("Shop.json", 200, deep, times=99),
        Fault("SaleLine.json", 200, odd.encode(), times=9),
        Fault("Register.json", 200, wide.encode()),
        Fault(f"{US}/Sale.json", 200, sales.encode(), times=99),
    ]

    [probed] = examined(there, US)

    seen = {finding.fact: finding.seen for finding in probed.findings}
    assert probed.failure == ""
    assert seen["table shop"] == "no answer"
    assert seen["table employee"].endswith("rows")
    assert [fact for fact, text in seen.items() if "unexpected" in text] == []
    assert len(kept(there)["shapes"]["Register"]["fields"]) <= MOST_FIELDS


def test_an_account_that_has_sold_nothing_leaves_open_what_its_sales_would_tell(there: Retail) -> None:
    for entity in ("Sale", "SaleLine", "SalePayment", "SaleVoid"):
        for record in list(there.store.all(US, entity)):
            there.store.remove(US, entity, int(str(record[ENTITIES[entity].key])))

    [probed] = examined(there, US)

    assert probed.changes == []
    assert {finding.seen for finding in probed.findings if "Day holds" in finding.fact} == {
        "no closed day among the last sales"
    }


def test_the_spelling_is_left_open_where_no_clock_is_accepted(there: Retail) -> None:
    """An API that refuses every filter by a clock tells nothing of how one of them is spelled."""
    there.sandbox.knobs.faults.append(Fault("2199", 400, b"{}", times=99))

    [probed] = examined(there, US)

    seen = {finding.fact: finding for finding in probed.findings}
    assert seen["updateTime as a filter"].verdict == "not decided"
    assert probed.changes == []


def test_what_the_nights_read_a_report_as_is_told_first(there: Retail) -> None:
    with duckdb.connect(str(there.settings.warehouse_file)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.reconciliation_daily as select * from (values "
            f"({US}, 'tax', 'as the tickets', date '2026-02-01', 'match'), "
            f"({US}, 'tax', 'as the tickets', date '2026-02-02', 'unexplained'), "
            f"({CANADA}, 'subtotal', 'after discounts', date '2026-02-02', 'match')"
            ") as days (account_id, measure, reading, business_date, status)"
        )

    [probed] = examined(there, US)

    seen = {finding.fact: finding.seen for finding in probed.findings}
    assert seen["what TaxesByDay holds"].startswith("by the nights: as the tickets (1 of 2 days agree); now: ")
    assert "by the nights" not in seen["what TaxClassSalesByDay holds"]


# --- what is kept -------------------------------------------------------------------------------


CANARIES = {
    "text": "Zilpha Quornbottle",
    "word": "zilphaquorn",
    "email": "zilpha.quorn@example.org",
    "phone": "555 867 5309",
    "amount": "98765.43",
    "note": "leave it with neighbour Quorn",
    "ticket": "220000087654",
}


def test_no_value_of_a_person_or_a_sale_is_in_what_is_written_or_shown(
    there: Retail, capsys: pytest.CaptureFixture[str]
) -> None:
    for account_id in there.store.accounts():
        plant(there.store, account_id)
    shop = {"@attributes": {"next": "", "previous": ""}, "Shop": {"shopID": "1", "timeZone": CANARIES["text"]}}
    quoted = json.dumps({"message": f"no {CANARIES['email']}", CANARIES["email"]: CANARIES["text"]}).encode()
    there.sandbox.knobs.faults += [
        Fault("Manufacturer.json", 400, quoted, {"X-Odd": CANARIES["text"]}, times=3),
        Fault("Vendor.json", 500, CANARIES["email"].encode(), times=9),
        Fault("Shop.json", 200, json.dumps(shop).encode()),
    ]
    logs.set_up(there.settings.logs_dir, form="text", verbose=True)
    lines: list[str] = []

    probed = examined(there, tell=lines.append)
    Console(width=250).print(probe.view(probed))

    files = [path.read_text() for path in (there.settings.tillhouse_data_dir / "probe").glob("*.json")]
    said = capsys.readouterr()
    log = (there.settings.logs_dir / "tillhouse.log").read_text()
    tokens = [one.access_token for one in lightspeed.token_store(there.settings).accounts()]
    written = "\n".join([*files, said.out, said.err, log, *lines, json.dumps([one.facts() for one in probed])])
    assert len(files) == 2
    for secret in (*CANARIES.values(), *tokens):
        assert secret.lower() not in written.lower()


def plant(store: Store, account_id: int) -> None:
    """Canaries in every place that a person may write to: texts, numbers, contacts, notes, and a field's own name."""
    for entity in ("Shop", "Employee", "Register", "PaymentType", "Customer", "Item", "Vendor", "Discount", "Category"):
        store.put(account_id, entity, [_planted(record) for record in store.all(account_id, entity)])
    for entity in ("Sale", "SaleLine", "SalePayment", "SaleVoid", "CreditAccount"):
        store.put(account_id, entity, [_planted(record) for record in store.all(account_id, entity)])
    customers = [
        one | {"Contact": _contact(), "company": CANARIES["note"]} for one in store.all(account_id, "Customer")
    ]
    store.put(account_id, "Customer", customers)


def _planted(record: Record) -> Record:
    """Ids, clocks and enumerations stay; free texts and amounts become canaries."""
    changed: Record = {CANARIES["email"]: CANARIES["text"], "newNote": CANARIES["note"]}
    for name, value in record.items():
        if isinstance(value, Decimal) and name in {
            "calcTotal",
            "total",
            "amount",
            "unitPrice",
            "balance",
            "calcPayments",
        }:
            changed[name] = Decimal(CANARIES["amount"])
        elif isinstance(value, str) and name not in {"timeZone", "type", "lineType", "itemType"}:
            changed[name] = CANARIES["ticket"] if name == "ticketNumber" else CANARIES["text"]
    return {**record, **changed}


def _contact() -> dict[str, Any]:
    return {
        "custom": CANARIES["word"],
        "Phones": {"ContactPhone": [{"number": CANARIES["phone"], "useType": "Home"}]},
        "Emails": {"ContactEmail": {"address": CANARIES["email"]}},
    }


def test_the_file_holds_names_types_lengths_formats_and_counts(there: Retail) -> None:
    examined(there, US)

    told = kept(there)
    fields = told["shapes"]["Sale"]["fields"]
    assert fields["saleID"]["types"] == {"text": fields["saleID"]["seen"]}
    assert "9999-99-99T99:99:99+99:99" in fields["completeTime"]["patterns"]
    assert fields["completed"]["words"].keys() <= {"true", "false"}
    assert "SaleLines.SaleLine.unitPrice" in fields
    assert "words" not in fields["ticketNumber"]
    assert told["shapes"]["PaymentType"]["fields"]["type"]["words"]["cash"] == 1
    assert told["shapes"]["Shop"]["fields"]["timeZone"]["words"] == {"US/Eastern": 4, "US/Pacific": 2}
    assert "x-ls-api-request-cost" in told["questions"][0]["headers"]
    assert told["budget"] == probe.BUDGET
    file = there.settings.tillhouse_data_dir / "probe" / f"{US}.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


# --- what is applied ----------------------------------------------------------------------------


@dataclass
class Walked:
    """What a night's walks brought, before anything is loaded: rows by account, table and id, and the cursors."""

    rows: dict[tuple[int, str, str], dict[str, Any]] = field(default_factory=dict)
    cursors: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def night(self, there: Retail, *accounts: int, tables: tuple[str, ...] = ()) -> None:
        folder = there.settings.tillhouse_data_dir
        landing = Landing(folder / "landing", folder / "scratch", f"run-{len(there.sandbox.requests)}")
        connections = [
            one
            for one in lightspeed.token_store(there.settings).accounts()
            if not accounts or one.account_id in accounts
        ]
        extraction = lightspeed.extraction(
            there.settings, connections, landing, self.cursors, tables=tables, transport=there.transport
        )
        for part in extraction.slices():
            for delivery in part.deliveries:
                self._take(delivery)
        self.failures = extraction.failures

    def _take(self, delivery: Delivery) -> None:
        if delivery.cursor is not None:
            self.cursors.setdefault(str(delivery.account_id), {})[delivery.table] = delivery.cursor
        for path in delivery.landed.kept if delivery.landed else []:
            for row in map(json.loads, kept_rows(path)):
                key = next((str(row[name]) for name in row if name.lower() == f"{KEYS[delivery.table]}".lower()), "")
                self.rows[delivery.account_id, delivery.table, key] = row


KEYS = {endpoint.table: endpoint.key for endpoint in ENDPOINTS}

OTHERWISE: dict[str, Any] = {
    "archived_refused": ("Register", "Sale"),
    "clock_unsortable": ("Employee", "Item"),
    "spellings_of_update_time": (),
    "largest_limit": 50,
    "beyond_limit_is_error": True,
}
"""An API that is everywhere as the client does not believe."""


def test_nights_against_an_api_that_is_otherwise_are_right_after_apply(tmp_path: Path) -> None:
    usual, other = retail(tmp_path / "usual", PLAN), retail(tmp_path / "other", PLAN)
    for name, value in OTHERWISE.items():
        setattr(other.sandbox.knobs, name, value)
    before, wanted, got = Walked(), Walked(), Walked()
    before.night(other, US)

    probed = examined(other, US, apply=True)
    for walked, made in ((wanted, usual), (got, other)):
        walked.night(made, US)
        made.tomorrow()
        walked.night(made, US)

    assert len(before.failures) >= 20
    assert {change.setting: change.new for change in probed[0].changes} == {
        "update_time_filter": "none",
        "page_limit": 50,
        "without_archived": ("register", "sale"),
        "read_whole": ("employee", "item"),
    }
    assert got.failures == wanted.failures == []
    assert got.rows == wanted.rows


def test_a_whole_night_counts_its_sales_as_the_account_is_asked(there: Retail) -> None:
    """The count that a night compares itself with bears no parameter that the API refuses either."""
    there.sandbox.knobs.archived_refused = ("Sale",)
    examined(there, US, apply=True, budget=40.0)
    landing = Landing(there.settings.landing_dir, there.settings.tillhouse_data_dir / "scratch", "run-1")
    connections = lightspeed.token_store(there.settings).accounts()

    days = {US: {date(2026, 2, 28)}}
    totals = lightspeed.control(there.settings, connections, landing, days, transport=there.transport)
    tables = {delivery.table for part in totals.slices() for delivery in part.deliveries}

    assert totals.failures == []
    assert "sales_count" in tables


def test_a_larger_page_is_asked_for_once_it_is_known(there: Retail) -> None:
    there.sandbox.knobs.largest_limit = 250

    [probed] = examined(there, US, apply=True)
    before = len(there.asked())
    Walked().night(there, US, tables=("sale",))

    assert behaviour_of(there.settings, US).page_limit == 250
    asked = [path for path in there.asked()[before:] if f"{US}/Sale.json" in path]
    assert asked
    assert all("limit=250" in path for path in asked)
    assert [(change.setting, change.old, change.new) for change in probed.changes] == [("page_limit", 100, 250)]


def test_a_spelling_that_is_known_is_asked_at_once(there: Retail) -> None:
    knobs = there.sandbox.knobs
    knobs.spellings_of_update_time, knobs.sort_spellings_of_update_time = ("updatetime",), ("updateTime",)
    walked = Walked()
    walked.night(there, US, tables=("sale",))
    refused_first = refused(there)
    walked.night(there, US, tables=("sale",))
    refused_untold = refused(there) - refused_first

    examined(there, US, apply=True)
    refused_by_then = refused(there)
    walked.night(there, US, tables=("sale",))

    assert walked.failures == []
    assert refused_untold > 0
    assert refused(there) == refused_by_then


def refused(there: Retail) -> int:
    return sum(status == 400 for _, _, status, _ in there.sandbox.requests)


def test_without_apply_nothing_is_written_to_the_settings(there: Retail) -> None:
    there.sandbox.knobs.largest_limit = 250

    [probed] = examined(there, US)

    assert probed.changes
    assert not path_of(there.settings, US).exists()


def test_what_a_probe_does_not_decide_stays_as_it_is(there: Retail) -> None:
    save(there.settings, US, Behaviour(update_time_filter="updatetime", read_whole=("employee", "vendor")))

    [probed] = examined(there, US, budget=6.0, apply=True)

    assert {change.setting for change in probed.changes} == {"read_whole"}
    assert behaviour_of(there.settings, US) == Behaviour(update_time_filter="updatetime", read_whole=("vendor",))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("page_limit = 0", "page_limit"),
        ("page_limit = ", "makes no sense"),
        ("page_size = 50", "page_size"),
        ('read_whole = ["sale"]', "read_whole cannot have 'sale'"),
        ('update_time_filter = "updated"', "update_time_filter"),
    ],
)
def test_settings_that_make_no_sense_are_one_sentence(there: Retail, text: str, complaint: str) -> None:
    path = path_of(there.settings, US)
    path.parent.mkdir(parents=True)
    path.write_text(text)

    with pytest.raises(SettingsError, match=complaint) as raised:
        behaviour_of(there.settings, US)
    assert str(path) in str(raised.value)


def test_settings_that_make_no_sense_hold_back_their_own_account_alone(there: Retail) -> None:
    path = path_of(there.settings, US)
    path.parent.mkdir(parents=True)
    path.write_text("page_limit = 0")
    walked = Walked()

    walked.night(there, tables=("sale",))
    refused, other = examined(there, budget=3.0)

    assert {failure.account_id for failure in walked.failures} == {US}
    assert len({failure.sentence for failure in walked.failures}) == 1
    assert {account_id for account_id, table, _ in walked.rows if table == "sale"} == {CANADA}
    assert "page_limit" in refused.failure
    assert other.failure == ""


def test_settings_saved_with_a_byte_order_mark_are_read(there: Retail) -> None:
    path = path_of(there.settings, US)
    path.parent.mkdir(parents=True)
    path.write_text('page_limit = 80\nread_whole = ["vendor"]\n', encoding="utf-8-sig")

    assert behaviour_of(there.settings, US) == Behaviour(page_limit=80, read_whole=("vendor",))


# --- the command --------------------------------------------------------------------------------


def test_the_command_shows_the_table_on_stdout_and_its_progress_on_stderr(
    there: Retail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out, "_width", 250)
    there.sandbox.knobs.largest_limit = 250

    said = typed(there, "--account", str(US), "--apply", "--budget", "80")

    assert said.exit_code == 0
    assert "what tillhouse does" in said.stdout
    assert "page_limit: 100 → 250" in said.stdout
    assert f"account {US}: reading only, 80 drips at most" in said.stderr
    assert "80 drips at most" not in said.stdout


def test_the_command_speaks_json(there: Retail) -> None:
    said = typed(there, "--account", str(US), "--budget", "5", "--json")

    [told] = json.loads(said.stdout)
    assert told["account_id"] == US
    assert {"fact", "expected", "seen", "verdict", "tillhouse"} == told["findings"][0].keys()


def test_the_exit_code_says_how_much_was_probed(there: Retail, tmp_path: Path) -> None:
    nothing = CliRunner().invoke(main, ["--data-dir", str(tmp_path / "none"), "probe"])
    unknown = typed(there, "--account", "7")
    there.sandbox.auth.disconnect(US)
    some = typed(there, "--budget", "3")
    none = typed(there, "--budget", "3", "--account", str(US))

    assert (nothing.exit_code, unknown.exit_code, some.exit_code, none.exit_code) == (1, 2, 4, 1)
    assert "no Lightspeed account is connected" in nothing.stderr
    assert f"account {US}" in some.stderr


def test_the_budget_is_kept_by_the_servers_own_costs(there: Retail) -> None:
    """A dearer API than expected is noticed at its first answer."""
    there.sandbox.knobs.cost_factor = 3.0
    started = time.monotonic()

    [probed] = examined(there, US, budget=30.0)

    assert probed.drips <= 30 + 3 * 1.8
    assert time.monotonic() - started < 60
