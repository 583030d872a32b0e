"""What there is to know between runs: accounts, freshness, the last runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection
from rich.console import Group, RenderableType
from rich.table import Table

from pipelines import concerns, publication, reconciling, run, warehouse
from pipelines.concerns import Concern
from pipelines.errors import AuthError
from pipelines.run import Outcome
from pipelines.settings import ENV_FILE, Settings
from pipelines.sources.tokens import TokenStore
from pipelines.sources.vendors import VENDORS
from pipelines.warehouse import RunRecord

RUNS_SHOWN = 7
MEASURES = {
    "requests": "requests",
    "rows": "rows",
    "rows_new": "new",
    "rows_changed": "changed",
    "rejected": "rejected",
    "drift": "drift",
}
"""Of a run's tables, under what people read; the rest is in --json."""

NO_RUN = "no run yet: `tillhouse connect`, then `tillhouse run`, or `tillhouse demo` to look around first"
DOUBTS = "select account_id, table_name, issue, detail from data_quality where severity <> 'green'"

NOTHING_PUBLISHED: dict[str, Any] = {"concerns": [], "freshness": [], "quality": [], "unproven": []}


def accounts(settings: Settings) -> list[dict[str, Any]]:
    """One row a connected account or store: source, account_id, name, retailer, token, connected_at, last_success."""
    records = run.ledger(settings).records()
    return [
        _account(name, vendor.token_store(settings), account_id, records)
        for name, vendor in VENDORS.items()
        for account_id in vendor.token_store(settings).account_ids()
    ]


def _account(source: str, store: TokenStore[Any], account_id: int, records: list[RunRecord]) -> dict[str, Any]:
    """One whose file is no good says so in its row: the others are shown all the same."""
    row = {"source": source, "account_id": account_id, "name": "", "retailer": None}
    told = {"connected_at": "", "last_success": _last_success(records, account_id)}
    try:
        connection = store.load(account_id)
    except AuthError as error:
        return {**row, "token": str(error), **told}
    return {
        **row,
        "name": connection.name,
        "retailer": getattr(connection, "lightspeed_account_id", account_id),
        "token": _token_state(connection),
        **told,
        "connected_at": connection.connected_at,
    }


def status(settings: Settings) -> dict[str, Any]:
    """Freshness, doubts and runs as the published file has them, and the runs since; the newest run first."""
    told = _published(settings)
    # A run that failed is in no published file.
    known = [warehouse.unended(settings.tillhouse_data_dir), *run.ledger(settings).records()]
    runs = told["runs"] | {record.run_id: asdict(record) for record in known if record}
    newest = sorted(runs.values(), key=lambda row: str(row["run_id"]), reverse=True)
    return {
        "warehouse": str(settings.warehouse_file) if settings.warehouse_file.exists() else None,
        "data_dir": str(settings.tillhouse_data_dir.absolute()),
        "env_file": str(Path(ENV_FILE).absolute()) + ("" if Path(ENV_FILE).exists() else ", which is not there"),
        "concerns": told["concerns"],
        "freshness": told["freshness"],
        "quality": told["quality"],
        "unproven": told["unproven"],
        "runs": newest[:RUNS_SHOWN],
    }


def accounts_table(settings: Settings, rows: list[dict[str, Any]]) -> RenderableType:
    if not rows:
        return (
            f"no account is connected in {settings.tillhouse_data_dir.absolute()}: run `tillhouse connect`, or "
            "`tillhouse demo` to look around first"
        )
    names = ("source", "account_id", "name", "retailer", "token")
    shown = [{**{name: row[name] for name in names}, "last_success": _minute(row["last_success"])} for row in rows]
    return _table("", shown, right={"account_id", "retailer"})


def status_view(found: dict[str, Any]) -> RenderableType:
    runs = [
        {
            "started": _minute(row["started_at"]),
            "command": row["command"],
            "status": row["status"],
            "accounts": f"{row['accounts'] - row['accounts_failed']} of {row['accounts']}",
            "requests": f"{row['requests']:,}",
            "rows": f"{row['rows_loaded']:,}",
        }
        for row in found["runs"]
    ]
    published = found["warehouse"] or f"nothing yet in {found['data_dir']} (settings: {found['env_file']})"
    parts: list[RenderableType] = [f"published: {published}"]
    parts += [f"{concern['kind']}: {concern['sentence']}" for concern in found["concerns"]]
    parts += [f"amber: {_unproven(measure)}" for measure in found["unproven"]]
    if found["freshness"]:
        parts.append(_table("Freshness", found["freshness"], right={"account_id", "days"}))
    if found["quality"]:
        parts.append(_table("Data quality", found["quality"], right={"account_id", "red", "amber", "green"}))
        parts.append(f'each of them: tillhouse query "{DOUBTS}"')
    parts.append(_table("Last runs", runs, right={"accounts", "requests", "rows"}) if runs else NO_RUN)
    told = [row for row in found["runs"] if row["message"]]
    parts += [f"{_minute(row['started_at'])} {row['command']}: {row['message']}" for row in told]
    if last := next((row for row in found["runs"] if row["tables"]), None):
        parts += _tables_of(last)
    return Group(*(line for part in parts for line in (part, "")))


def _unproven(measure: dict[str, Any]) -> str:
    """A measure without a proof, with what came nearest; `tillhouse reconcile` lists every reading tried."""
    nearest = measure["tried"][0]
    agreed = f"{nearest['days_agreed']} of {nearest['days_compared']} shop-days agree"
    return (
        f"account {measure['account_id']}: what its report means by {measure['measure']} is "
        f"{measure['standing'].replace('_', ' ')}; by the nearest of {len(measure['tried'])} readings tried, "
        f"{nearest['reading']}, {agreed}. It is published as it is: `tillhouse reconcile`"
    )


def _minute(moment: str | None) -> str:
    """*moment* in UTC, as far as people read it."""
    return (moment or "")[:16].replace("T", " ")


def _tables_of(last: dict[str, Any]) -> Iterator[RenderableType]:
    """What each vendor's tables took and brought over all accounts, and what failed, each on its own."""
    for source in dict.fromkeys(row["source"] for row in last["tables"]):
        sums: dict[str, dict[str, Any]] = {}
        for row in (row for row in last["tables"] if row["source"] == source):
            told = sums.setdefault(row["table"], {"table": row["table"], **dict.fromkeys(MEASURES.values(), 0)})
            for measure, name in MEASURES.items():
                told[name] += row.get(measure) or 0
        shown = [
            {name: f"{value:,}" if isinstance(value, int) else value for name, value in told.items()}
            for told in sums.values()
            if told["rows"]
        ]
        if shown:
            yield _table(f"{source.capitalize()}, run {last['run_id']}", shown, right=set(MEASURES.values()))
    failed = [row for row in last["tables"] if row.get("failure")]
    if failed:
        names = ("source", "account_id", "table", "failure")
        yield _table("Failed", [{name: row[name] for name in names} for row in failed], right={"account_id"})


def run_table(outcome: Outcome) -> RenderableType:
    """What a run fetched, by table, and how it ended."""
    record = outcome.record
    tables: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in record.tables:
        place = {"source": row["source"], "table": row["table"]}
        sums = tables.setdefault(tuple(place.values()), {**place, "requests": 0, "rows": 0, "drips": 0.0})
        for measure in ("requests", "rows", "drips"):
            sums[measure] += row[measure]
    shown = [{**row, "rows": f"{row['rows']:,}", "drips": f"{row['drips']:.1f}"} for row in tables.values()]
    parts: list[RenderableType] = []
    if shown:
        parts.append(_table("Fetched", shown, right={"requests", "rows", "drips"}))
    parts.append(f"{record.command} {record.run_id}: {_ending(outcome)}")
    return Group(*parts)


def _ending(outcome: Outcome) -> str:
    record = outcome.record
    failed = f"{record.accounts_failed} of {record.accounts} accounts failed" if record.accounts_failed else ""
    ended = {"ok": "all good", "partial": failed or "not all of it is good"}
    rejected = f", {record.rejected_values:,} values could not be cast" if record.rejected_values else ""
    published = f", {outcome.published} marts published" if outcome.published else ""
    return f"{ended[record.status]}{rejected}{published}"


def _published(settings: Settings) -> dict[str, Any]:
    """Freshness, doubts and runs as the published file has them; nothing where there is none."""
    if not settings.warehouse_file.exists():
        return {**NOTHING_PUBLISHED, "runs": {}}
    with publication.reading(settings) as connection:
        freshness = warehouse.rows(
            connection,
            "select account_id, cast(max(business_date) as varchar) as newest_day, count(distinct business_date) as "
            "days from marts.revenue_by_location_daily group by account_id order by account_id",
        )
        if not warehouse.has_mart(connection, "pipeline_run_tables"):
            return {**NOTHING_PUBLISHED, "freshness": freshness, "runs": {}}
        found = [concern.facts() for concern in (*_falsified(settings), *concerns.read(connection, settings))]
        quality = warehouse.rows(
            connection,
            "select source, account_id, count(*) filter (severity = 'red') as red, count(*) filter (severity = "
            "'amber') as amber, count(*) filter (severity = 'green') as green from marts.data_quality "
            "group by source, account_id order by source, account_id",
        )
        return {
            "concerns": found,
            "freshness": freshness,
            "quality": quality,
            "unproven": reconciling.unproven_measures(connection),
            "runs": _published_runs(connection),
        }


def _falsified(settings: Settings) -> Iterator[Concern]:
    """A log that another program left: who opens the published file sees what it wrote, until a run removes it."""
    if found := publication.foreign_log(settings.warehouse_file):
        yield Concern(
            "failed",
            None,
            f"{found} is the log of a program that has {settings.warehouse_file.name} open for writing: readers see "
            "its changes, and the next run removes it; close the program",
            source="published file",
        )


def _published_runs(connection: DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """As the ledger writes runs down: times as text, each with its tables."""
    runs = warehouse.rows(
        connection,
        "select * replace (strftime(started_at, '%Y-%m-%dT%H:%M:%S+00:00') as started_at, "
        "strftime(finished_at, '%Y-%m-%dT%H:%M:%S+00:00') as finished_at) from marts.pipeline_runs",
    )
    tables = warehouse.rows(
        connection,
        'select * exclude (run_id, table_name, rows_seen), run_id, table_name as "table", rows_seen as "rows" '
        "from (select * replace (cast(drips as double) as drips, cast(seconds as double) as seconds, "
        "strftime(began_at, '%Y-%m-%dT%H:%M:%S+00:00') as began_at) from marts.pipeline_run_tables)",
    )
    found: dict[str, dict[str, Any]] = {row["run_id"]: {**row, "tables": []} for row in runs}
    for table in tables:
        found[table.pop("run_id")]["tables"].append(table)
    return found


def _token_state(connection: Any) -> str:
    if getattr(connection, "refresh_token", "") or getattr(connection, "client_secret", ""):
        return "renews itself"
    if connection.expires_at is None:
        return "does not say when it ends"
    return "valid" if connection.expires_at > time.time() else "expired: run `tillhouse connect`"


def _last_success(records: list[RunRecord], account_id: int) -> str | None:
    return next(
        (
            record.finished_at
            for record in reversed(records)
            if any(row["account_id"] == account_id for row in record.tables)
            and not any(row["account_id"] == account_id for row in record.failures)
        ),
        None,
    )


def _table(title: str, rows: list[dict[str, Any]], right: set[str]) -> Table:
    table = Table(title=title or None, title_justify="left", show_edge=False, pad_edge=False)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    return table
