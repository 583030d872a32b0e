"""`tillhouse demo`: the sandbox in a process of its own, a real night against it over HTTP, and the marts' headline."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from rich.console import Group, RenderableType
from rich.table import Table

from pipelines import publication, run, warehouse
from pipelines.connecting import connect, connect_ecwid, connect_shopify
from pipelines.errors import TillhouseError, UsageError
from pipelines.run import Options, Outcome, Report
from pipelines.settings import Settings, read_settings
from pipelines.sources.lightspeed.source import token_store
from pipelines.sources.shopify.connecting import Credentials
from pipelines.status import run_table

SPEED = 60
"""The demo's sandbox drips this much faster than Lightspeed; the headline says what the real limit would take."""

QUESTION = "select business_date, location_name, net_sales from revenue_by_location_daily order by all desc limit 9"

COMMON = (
    "transactions",
    "units_sold",
    "units_returned",
    "gross_sales",
    "discounts",
    "returns",
    "net_sales",
    "tax",
    "total_sales",
    "cost_of_goods",
    "gross_margin",
)


@dataclass(frozen=True)
class View:
    """A mart that is held against the sandbox's own totals: what names its rows, and its measures."""

    mart: str
    key: tuple[str, ...]
    measures: tuple[str, ...]


LOCATIONS = View(
    "revenue_by_location_daily", ("account_id", "shop_id", "business_date"), (*COMMON, "item_fees", "tips")
)
CURRENCY = "USD"
"""What the demo adds its shops up in, unless a setting says otherwise."""

RATE_DAYS = 3_650
"""How old a rate of exchange may be in the demo: its days are of now, the installed package's rates may not be."""

CHANNELS = View(
    "revenue_by_channel_daily",
    ("account_id", "business_date", "channel", "sub_channel"),
    ("orders", *COMMON, "shipping_sales"),
)


@dataclass(frozen=True)
class Difference:
    """A measure of one row of a mart that is not what the sandbox says it is."""

    mart: str
    row: dict[str, str]
    measure: str
    warehouse: str
    sandbox: str


@dataclass(frozen=True)
class Shown:
    """What a demo night came to."""

    settings: Settings
    outcome: Outcome
    night: int
    seconds: float
    compared: int
    differences: list[Difference]

    def facts(self) -> dict[str, Any]:
        return {
            "night": self.night,
            "seconds": round(self.seconds, 1),
            "compared": self.compared,
            "differences": [asdict(difference) for difference in self.differences],
            "run": asdict(self.outcome.record),
            "warehouse": str(self.settings.warehouse_file),
        }

    def view(self) -> RenderableType:
        typed = _typed()
        return Group(
            run_table(self.outcome),
            "",
            *_headline(self.settings),
            "",
            self._reconciliation(),
            _reports(self.settings),
            self._pace(),
            f"published: {self.settings.warehouse_file}",
            f'next: {typed} demo (the next night) · {typed} status · {typed} query "{QUESTION}"',
        )

    def _reconciliation(self) -> str:
        if not self.differences:
            return f"reconciled: {self.compared:,} amounts equal the sandbox's own totals to the cent"
        first = self.differences[0]
        return (
            f"NOT reconciled: {len(self.differences):,} of {self.compared:,} amounts differ from the sandbox's own, "
            f"such as {first.measure} in {first.mart} at {', '.join(first.row.values())}: "
            f"{first.warehouse} here, {first.sandbox} there"
        )

    def _pace(self) -> str:
        drips: dict[int, float] = {}
        for row in (row for row in self.outcome.record.tables if row["source"] == "lightspeed"):
            drips[row["account_id"]] = drips.get(row["account_id"], 0.0) + row["drips"]
        slowest = max(drips.values(), default=0.0)
        # The smallest account: a bucket of 90 that drips 1 a second, full at the start.
        real = max(0.0, slowest - 90)
        limit = f"would stretch it to {real / 60:.0f} min {real % 60:.0f} s" if real else "would not slow it down"
        return (
            f"night {self.night} took {self.seconds:.0f} s; the sandbox drips {SPEED} times faster than Lightspeed, "
            f"whose own limit {limit} on a one-register account"
        )


def play(settings: Settings, *, sales: int, fresh: bool, report: Report) -> Shown:
    """The first night of a new world, or the next night of the one that is there."""
    _refuse_real_data(settings)
    if fresh:
        _forget(settings)
    is_first = not world_file(settings).exists()
    with _sandbox(settings, sales) as url:
        if not is_first:
            _asked("POST", f"{url}/sandbox/tomorrow?reach={datetime.now(UTC).date() - timedelta(days=1)}")
        asked = _connected(as_shown(settings), url)
        started = time.monotonic()
        outcome = run.night(asked, Options(), report, command="demo")
        seconds = time.monotonic() - started
        compared = [
            compare(asked, _asked("GET", f"{url}/sandbox/{name}.json"), view)
            for name, view in (("truth", LOCATIONS), ("channels", CHANNELS))
        ]
    nights = [record for record in run.ledger(settings).records() if record.command == "demo"]
    differences = [difference for _, found in compared for difference in found]
    return Shown(asked, outcome, len(nights), seconds, sum(count for count, _ in compared), differences)


def _asked(method: str, url: str) -> Any:
    """The sandbox's answer; no proxy is asked for what is on this machine."""
    return httpx.request(method, url, timeout=300, trust_env=False).raise_for_status().json()


def as_shown(settings: Settings) -> Settings:
    """*settings* as they are where the data directory is not the demo's; else with what the demo sets."""
    if not world_file(settings).exists() or settings.tillhouse_reporting_currency:
        return settings
    rates = {"exchange_rate_days": RATE_DAYS} | settings.tillhouse_dbt_vars
    return settings.model_copy(update={"tillhouse_reporting_currency": CURRENCY, "tillhouse_dbt_vars": rates})


def world_file(settings: Settings) -> Path:
    """The sandbox's world; where it lies, the data directory is the demo's."""
    return settings.tillhouse_data_dir / "sandbox.sqlite"


def compare(settings: Settings, truth: list[dict[str, Any]], view: View = LOCATIONS) -> tuple[int, list[Difference]]:
    """(amounts compared, those that differ) between the mart of *view* and the sandbox's own totals."""
    told = {tuple(str(row[name]) for name in view.key): row for row in truth}
    with publication.reading(settings) as connection:
        rows = connection.execute(
            f"select {', '.join((*view.key, *view.measures))} from {warehouse.MARTS}.{view.mart}"
        ).fetchall()
    width = len(view.key)
    ours = {
        tuple(str(part) for part in row[:width]): dict(zip(view.measures, row[width:], strict=True)) for row in rows
    }
    differences = [
        Difference(view.mart, dict(zip(view.key, place, strict=True)), measure, str(mine), str(theirs))
        for place in sorted(told.keys() | ours.keys())
        for measure in view.measures
        if (mine := Decimal(str(ours.get(place, {}).get(measure, 0))))
        != (theirs := Decimal(str(told.get(place, {}).get(measure, 0))))
    ]
    return len(told.keys() | ours.keys()) * len(view.measures), differences


def _forget(settings: Settings) -> None:
    """Remove what a demo made, and nothing that anybody else may keep in the same folder."""
    if not world_file(settings).exists():
        return
    folder = settings.tillhouse_data_dir
    for made in ("tokens", "landing", "logs", "dlt", "dbt"):
        shutil.rmtree(folder / made, ignore_errors=True)
    for pattern in ("work.duckdb*", "warehouse.duckdb*", "memory.duckdb*", "marts.tested", "sandbox.sqlite*"):
        for path in folder.glob(pattern):
            path.unlink()


def _refuse_real_data(settings: Settings) -> None:
    if not world_file(settings).exists() and token_store(settings).accounts():
        raise UsageError(
            f"{settings.tillhouse_data_dir} holds connected accounts: "
            "set TILLHOUSE_DATA_DIR to another folder for the demo"
        )


def _connected(settings: Settings, url: str) -> Settings:
    """Settings that point at the sandbox, with its accounts connected: one by refresh token, the others by bearer."""
    rows = _asked("GET", f"{url}/sandbox/accounts.json")
    asked = read_settings(
        **{
            **settings.model_dump(),
            "lightspeed_api_url": url,
            "lightspeed_auth_url": url,
            "shopify_api_url": f"{url}/shopify/{{shop}}",
            "ecwid_api_url": f"{url}/ecwid/api/v3",
            "lightspeed_client_id": rows[0]["client_id"],
            "lightspeed_client_secret": rows[0]["client_secret"],
        }
    )
    for place, row in enumerate(rows):
        kind = "refresh_token" if place == 0 else "token"
        secret = row["refresh_token"] if place == 0 else row["bearer_token"]
        asyncio.run(connect(asked, name="", secrets={kind: secret}, announce=lambda _: None, paste=str))
    for store in _asked("GET", f"{url}/sandbox/stores.json"):
        _connect_store(asked, store)
    return asked


def _connect_store(settings: Settings, store: dict[str, Any]) -> None:
    if store["source"] == "ecwid":
        asyncio.run(connect_ecwid(settings, store["store"], store["token"], name="", account_id=store["account_id"]))
        return
    credentials = Credentials(client_id=store["client_id"], client_secret=store["client_secret"])
    asyncio.run(connect_shopify(settings, store["store"], credentials, name="", account_id=store["account_id"]))


@contextmanager
def _sandbox(settings: Settings, sales: int) -> Iterator[str]:
    """The sandbox's URL, while it runs in a process of its own: it must not share the client's time."""
    settings.tillhouse_data_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pipelines.cli", "sandbox", "--port", "0", "--speed", str(SPEED)]
    command += ["--world", str(world_file(settings)), "--sales", str(sales)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            yield _announced(process)
        finally:
            process.terminate()


def _announced(process: subprocess.Popen[str]) -> str:
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line.strip())
        if line.startswith("sandbox: "):
            return line.removeprefix("sandbox: ").strip()
    raise TillhouseError(f"the sandbox did not start: {' '.join(said) or 'it said nothing'}")


def _typed() -> str:
    """What a person types for `tillhouse` here."""
    return "tillhouse" if shutil.which("tillhouse") else os.path.relpath(Path(sys.executable).with_name("tillhouse"))


def _headline(settings: Settings) -> list[RenderableType]:
    with publication.reading(settings) as connection:
        accounts, stores, shops, orders = connection.execute(
            "select (select count(distinct account_id) from marts.dim_locations), "
            "(select count(distinct store_id) from marts.fct_orders where source <> 'lightspeed'), "
            "(select count(*) from marts.dim_locations), (select count(*) from marts.fct_orders)"
        ).fetchall()[0]
        newest = "select max(business_date) from marts.revenue_by_location_daily"
        by_location = connection.execute(
            "select location_name, currency, sum(transactions), sum(net_sales), sum(tax), sum(total_sales), "
            "sum(gross_margin) from marts.revenue_by_location_daily "
            f"where business_date > ({newest}) - 7 group by account_id, shop_id, location_name, currency "
            "order by account_id, shop_id"
        ).fetchall()
        by_channel = connection.execute(
            "select channel, sub_channel, currency, sum(orders), sum(net_sales) from marts.revenue_by_channel_daily "
            f"where business_date > ({newest}) - 7 group by channel, sub_channel, currency order by currency, 5 desc"
        ).fetchall()
        together, rates_of = connection.execute(
            "select sum(net_sales_reporting), max(exchange_rate_date) from marts.revenue_by_channel_daily "
            f"where business_date > ({newest}) - 7"
        ).fetchall()[0]
    dated = f" of {rates_of}" if rates_of else ""
    locations = ("location", "currency", "tickets", "net sales", "tax", "total", "margin")
    return [
        f"{accounts} accounts, {shops} shops, {stores} online stores, {orders:,} orders",
        "",
        _table("The last 7 days by location", locations, by_location),
        "",
        _table("The last 7 days by channel", ("channel", "sub-channel", "currency", "orders", "net sales"), by_channel),
        "by location is what each shop's tills rang up; by channel counts each order once, online orders included",
        f"net sales of all channels at the European Central Bank's rates{dated}: {together or 0:,.2f} {CURRENCY}",
    ]


def _reports(settings: Settings) -> str:
    """How the published days agree with Lightspeed's own accounting reports, as any account's do."""
    with publication.reading(settings) as connection:
        found = connection.execute(
            f"select status, count(*) from {warehouse.MARTS}.reconciliation_daily group by status order by status desc"
        ).fetchall()
    told = ", ".join(f"{count:,} {status}" for status, count in found) or "none"
    return f"against Lightspeed's own accounting reports, by day and measure: {told}"


def _table(title: str, headings: tuple[str, ...], rows: list[Any]) -> Table:
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    numbers = {place for row in rows for place, value in enumerate(row) if isinstance(value, int | Decimal)}
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place in numbers else "left")
    for row in rows:
        table.add_row(*(f"{value:,.2f}" if isinstance(value, Decimal) else str(value) for value in row))
    return table
