"""One sandbox, one retailer's data directory, and nights between them: in process, over the real client."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import duckdb
import httpx
import pytest
import stamina
import zstandard
from starlette.applications import Starlette
from xdist.scheduler import LoadScopeScheduling

from pipelines import locks, logs, run
from pipelines.run import Options, Outcome, Report
from pipelines.sandbox.api import Sandbox, create_app
from pipelines.sandbox.catalogue import RETAILERS
from pipelines.sandbox.knobs import Fault, Knobs
from pipelines.sandbox.shopify import CLIENT_ID, CLIENT_SECRET, SCOPES
from pipelines.sandbox.store import Store
from pipelines.sandbox.tomorrow import advance
from pipelines.sandbox.world import Plan, build, now
from pipelines.settings import Settings, read_settings
from pipelines.sources.ecwid import source as ecwid
from pipelines.sources.ecwid import tokens as ecwid_tokens
from pipelines.sources.lightspeed import source as lightspeed
from pipelines.sources.lightspeed.auth import bearer, connected
from pipelines.sources.shopify import source as shopify
from pipelines.sources.shopify import tokens as shopify_tokens
from pipelines.sources.source import NOTES, cursors_of
from pipelines.sources.vendors import VENDORS
from pipelines.transport import http_client

URL = "http://127.0.0.1:1"
"""Nothing listens there: every request goes to the application in process."""

PLAN = Plan(sales=900, days=400, ends=date(2026, 3, 1))
"""A year and more: both changes of clocks, every kind of ticket."""

OF_TESTS = {"tillhouse_stale_days": 0, "tillhouse_wait_seconds": 0}
"""Settings of every test that does not ask for others: its world ends on a fixed day, and it waits for nothing."""

BOOKKEEPING = {"read_at", "_run_id", "_loaded_at", "_dlt_load_id", "_dlt_id"}
"""Columns that say when a row came, not what it says."""


SHARED = {
    "traded": (
        "calendar",
        "cli",
        "dbt_project",
        "money",
        "nights",
        "notebooks",
        "people",
        "products",
        "modes",
        "published_names",
        "reading_commands",
        "reconciling",
    ),
    "omni": ("channel_profile", "money_online", "notebooks_online", "omnichannel", "peers", "plans", "rates"),
    "hostile": ("personal_data", "replay"),
}
"""Files of tests by the world that they read, which takes a minute to make: each is made on one worker."""

SHARED_BY_LONG = {"omni": ("channel_profile", "rates"), "hostile": SHARED["hostile"]}
"""The same of long tests: most have worlds of their own, and go to whichever worker is free."""


class Sharing(LoadScopeScheduling):  # type: ignore[misc]  # it brings no types
    """A file's tests run on one worker, and so do those of files that share a world."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0]).stem.removeprefix("test_")
        shared = SHARED_BY_LONG if self.config.option.markexpr == "long" else SHARED
        return next((world for world, files in shared.items() if file in files), file)


BEGAN = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--minutes", type=float, help="begin no test later than so many minutes; the first file is another one each day"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[BEGAN] = time.monotonic()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where time may not suffice, what is left out is something else each day."""
    if config.option.minutes is not None:
        files = sorted({item.path for item in items})
        first = datetime.now(UTC).date().toordinal() % len(files) if files else 0
        items.sort(key=lambda item: (files.index(item.path) - first) % len(files))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    minutes = item.config.option.minutes
    if minutes is not None and time.monotonic() - item.config.stash[BEGAN] > minutes * 60:
        pytest.skip(f"not begun: {minutes:g} minutes were over")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing:
    return Sharing(config, log)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A developer's .env and environment are not the tests'."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in OF_TESTS.items():
        monkeypatch.setenv(name.upper(), str(value))
    monkeypatch.setattr(locks.Waiting, "seconds", OF_TESTS["tillhouse_wait_seconds"])


@pytest.fixture(autouse=True)
def _no_waiting_between_retries() -> Iterator[None]:
    """Three attempts and no pause: what is retried is tested, not the clock."""
    with stamina.set_testing(True, attempts=3):
        yield


@dataclass
class Retail:
    """A world behind an application, and where its nights are kept."""

    store: Store
    app: Starlette
    settings: Settings
    online: bool = False
    """Whether its online stores are connected as well."""

    @property
    def sandbox(self) -> Sandbox:
        sandbox: Sandbox = self.app.state.sandbox
        return sandbox

    @property
    def transport(self) -> httpx.ASGITransport:
        return httpx.ASGITransport(app=self.app)

    def connect(self) -> None:
        async def all_accounts() -> None:
            async with http_client(self.transport) as http:
                oauth = lightspeed.oauth(self.settings, http)
                for account_id in self.store.accounts():
                    token = self.sandbox.auth.bearer(account_id)
                    await connected(lightspeed.token_store(self.settings), oauth, bearer(token))

        asyncio.run(all_accounts())
        if self.online:
            self.connect_stores()

    def connect_stores(self) -> None:
        """Every online store of the world, each with its retailer's Lightspeed account."""
        for retailer in RETAILERS:
            number, name = retailer.shopify
            shopify.token_store(self.settings).save(
                shopify_tokens.Connection(
                    number,
                    f"{retailer.name} online",
                    name,
                    client_id=CLIENT_ID,
                    client_secret=CLIENT_SECRET,
                    scopes=SCOPES,
                    lightspeed_account_id=retailer.account_id,
                )
            )
            if retailer.native_store and (api := self.sandbox.online.ecwid(retailer.native_store)):
                ecwid.token_store(self.settings).save(
                    ecwid_tokens.Connection(
                        retailer.native_store,
                        f"{retailer.name} web shop",
                        access_token=api.token,
                        lightspeed_account_id=retailer.account_id,
                    )
                )

    def options(self, **asked: Any) -> Options:
        return Options(transport=self.transport, **asked)

    def night(self, **asked: Any) -> Outcome:
        return run.night(self.settings, self.options(**asked), Report())

    def extract(self, **asked: Any) -> Outcome:
        return run.extract(self.settings, self.options(**asked), Report())

    def tomorrow(self, days: int = 1) -> None:
        advance(self.store, days)

    def asked(self) -> list[str]:
        """Every path and query asked so far."""
        return [path for _, path, _, _ in self.sandbox.requests]

    def elsewhere(self, folder: Path) -> Self:
        """The same world, kept in another data directory that knows nothing yet."""
        settings = self.settings.model_copy(update={"tillhouse_data_dir": folder})
        other = replace(self, settings=settings)
        other.connect()
        return other

    def table(self, name: str, *, published: bool = False) -> list[dict[str, Any]]:
        """Rows of a table in an order of their own, without what says when they came."""
        file = self.settings.warehouse_file if published else self.settings.work_file
        with duckdb.connect(str(file), read_only=True) as con:
            con.execute("set TimeZone = 'UTC'")
            result = con.execute(f"select * from {name}")
            names = [column[0] for column in result.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        kept = [{name: value for name, value in row.items() if name not in BOOKKEEPING} for row in rows]
        return sorted(kept, key=repr)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.settings.warehouse_file), read_only=True) as con:
            rows: list[tuple[Any, ...]] = con.execute(sql).fetchall()
        return rows


def retail(
    folder: Path, plan: Plan = PLAN, knobs: Knobs | None = None, *, online: bool = False, **settings_asked: Any
) -> Retail:
    """Connected retailers in *folder*; the limit is off the scale unless *knobs* say otherwise."""
    store = Store()
    build(store, plan)
    app = create_app(store, knobs or Knobs(speed=10_000))
    settings = read_settings(
        tillhouse_data_dir=folder,
        lightspeed_api_url=URL,
        lightspeed_auth_url=URL,
        shopify_api_url=f"{URL}/shopify/{{shop}}",
        ecwid_api_url=f"{URL}/ecwid/api/v3",
        lightspeed_client_id="sandbox-client",
        lightspeed_client_secret="sandbox-secret",
        **OF_TESTS | settings_asked,
    )
    made = Retail(store, app, settings, online)
    made.connect()
    return made


@pytest.fixture
def small(tmp_path: Path) -> Retail:
    """A retailer with a few hundred sales."""
    return retail(tmp_path / "data", Plan(sales=300, days=60))


@pytest.fixture(scope="session")
def omni(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retail]:
    """Retailers with their online stores after two nights, two days apart, with totals in dollars, to be read only."""
    made = retail(
        tmp_path_factory.mktemp("omni") / "data",
        Plan(sales=2_400, days=120),
        online=True,
        tillhouse_reporting_currency="USD",
    )
    made.night()
    made.tomorrow(2)
    made.night()
    yield made
    made.store.close()


@pytest.fixture(scope="session")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retail]:
    """A retailer after two nights, two days apart, to be read only."""
    made = retail(tmp_path_factory.mktemp("traded") / "data")
    made.night()
    made.tomorrow(2)
    made.night()
    yield made
    made.store.close()


HOSTILE = "O'Brien's; drop table x; -- \"[bold]/*\n*/[/x] \\[/x] :pill:"
"""A name that breaks whatever pastes it into SQL, markup or a line of its own."""

CANARIES = {
    "name": "Canaryfirst",
    "email": "canary.person@example.org",
    "phone": "555 867 5309",
    "street": "17 Canary Wharf Row",
    "note": "leave it with Canaryneighbour, shopify order #1001",
}
"""What is known of one customer, told from anything else at sight."""


def contents(folder: Path, *, without: Iterable[str]) -> Iterator[tuple[Path, bytes]]:
    """Every file below *folder*, landed rows unpacked."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).parts[0] not in without:
            packed = path.suffix == ".zst"
            yield (
                path,
                zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
                if packed
                else (path.read_bytes()),
            )


def traces(folder: Path, words: Iterable[str], *, without: Iterable[str]) -> list[tuple[str, str]]:
    told = [word.lower().encode() for word in words]
    return [
        (path.relative_to(folder).as_posix(), word.decode())
        for path, content in contents(folder, without=without)
        for word in told
        if word in content.lower()
    ]


@dataclass
class Hostile:
    """A world of names that mean harm, after two nights and a failed one, and its landing zone before the last."""

    retail: Retail
    landing_before: Path
    rows_before: dict[str, list[dict[str, Any]]]
    cursors_before: dict[str, Any]


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    """To be read only."""
    folder = tmp_path_factory.mktemp("hostile")
    made = retail(folder / "it's; -- data", Plan(sales=240, days=40), online=True)
    logs.set_up(made.settings.logs_dir, form="text", verbose=False)
    rename(made.store)
    made.connect()
    made.extract()
    made.tomorrow()
    drift_and_spoil(made.store)
    refusal = json.dumps({"message": f"Invalid value {CANARIES['email']} for 'email'"}).encode()
    made.sandbox.knobs.faults.append(Fault("230002/Sale.json?", 500, CANARIES["email"].encode(), times=3))
    made.sandbox.knobs.faults.append(Fault("230002/Item.json?", 400, refusal, times=1))
    with stamina.set_testing(True, attempts=3):
        assert made.extract().record.status == "partial"
    shutil.copytree(made.settings.landing_dir, folder / "before")
    before = Hostile(made, folder / "before", rows_of(made), cursors(made))
    made.tomorrow()
    made.night()
    yield before
    made.store.close()


def rows_of(made: Retail) -> dict[str, list[dict[str, Any]]]:
    """Every raw table, and the notes about them."""
    tables = [(name, table.name) for name, vendor in VENDORS.items() for table in vendor.raw_tables()]
    notes = [(name, note) for name in VENDORS for note in NOTES]
    return {f"raw_{name}.{table}": made.table(f"raw_{name}.{table}") for name, table in (*tables, *notes)}


def cursors(made: Retail) -> dict[str, Any]:
    return {name: cursors_of(run._pipeline(made.settings, name).state, name) for name in VENDORS}


def rename(store: Store) -> None:
    """Every name that somebody may choose, and one customer that is watched."""
    for account in store.accounts():
        for entity, field in (
            ("Account", "name"),
            ("Shop", "name"),
            ("Category", "name"),
            ("PaymentType", "code"),
            ("Item", "description"),
            ("Employee", "firstName"),
        ):
            store.put(account, entity, [one | {field: f"{one[field]} {HOSTILE}"} for one in store.all(account, entity)])
        tickets = [sale | {"ticketNumber": HOSTILE} for sale in store.all(account, "Sale")]
        store.put(account, "Sale", tickets)
        customer = store.get(account, "Customer", 12)
        assert customer
        store.put(account, "Customer", [customer | {"firstName": CANARIES["name"], "Contact": _contact()}])
        shipment = {"shipToID": 900, "shipped": True, "timeStamp": customer["timeStamp"], "customerID": 12, "saleID": 1}
        store.put(account, "ShipTo", [shipment | {"firstName": CANARIES["name"], "shipNote": CANARIES["note"]}])


def _contact() -> dict[str, Any]:
    return {
        "contactID": 1,
        "custom": CANARIES["name"],
        "Addresses": {"ContactAddress": {"address1": CANARIES["street"], "zip": "E14", "countryCode": "GB"}},
        "Phones": {"ContactPhone": [{"number": CANARIES["phone"], "useType": "Home"}]},
        "Emails": {"ContactEmail": {"address": f" {CANARIES['email'].title()} ", "useType": "Primary"}},
    }


def drift_and_spoil(store: Store) -> None:
    """A field that nobody knows, a value that is no time, a sale that lost its lines."""
    account = store.accounts()[0]
    item = store.get(account, "Item", 5)
    register = store.get(account, "Register", 1)
    emptied = next(sale for sale in store.all(account, "Sale") if not sale["completed"])
    assert item
    assert register
    store.put(account, "Item", [item | {"newField": "x", "timeStamp": now(store)}])
    store.put(account, "Register", [register | {"shopID": 1, "openTime": "never", "registerColour": "red"}])
    store.put(account, "Category", [{**one, "createTime": "0000-00-00"} for one in store.all(account, "Category")])
    for line in list(store.all(account, "SaleLine", saleID=int(str(emptied["saleID"])))):
        store.remove(account, "SaleLine", int(str(line["saleLineID"])))
    store.put(
        account, "Sale", [emptied | {"calcSubtotal": Decimal(0), "calcTotal": Decimal(0), "updateTime": now(store)}]
    )
