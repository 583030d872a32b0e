"""What there is to know between runs: accounts, freshness, the last runs."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from pipelines import run, warehouse
from pipelines.errors import AuthError
from pipelines.run import Outcome
from pipelines.settings import Settings
from pipelines.sources.tokens import TokenStore
from pipelines.sources.vendors import VENDORS
from pipelines.warehouse import RunRecord

RUNS_SHOWN = 7
EXPIRING_DAYS = 30
"""A refresh token that nobody uses for so long dies."""


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
    """The published file's freshness by account and the last runs, newest first."""
    records = run.ledger(settings).records()
    return {
        "warehouse": str(settings.warehouse_file) if settings.warehouse_file.exists() else None,
        "freshness": _freshness(settings),
        "runs": [asdict(record) for record in records[: -RUNS_SHOWN - 1 : -1]],
    }


def accounts_table(rows: list[dict[str, Any]]) -> RenderableType:
    if not rows:
        return "no account is connected: run `tillhouse connect`, or `tillhouse demo` to look around first"
    return _table("", rows, right={"account_id", "retailer"})


def status_view(found: dict[str, Any]) -> RenderableType:
    runs = [
        {
            "started": row["started_at"],
            "command": row["command"],
            "status": row["status"],
            "accounts": f"{row['accounts'] - row['accounts_failed']} of {row['accounts']}",
            "requests": f"{row['requests']:,}",
            "rows": f"{row['rows_loaded']:,}",
            "message": row["message"],
        }
        for row in found["runs"]
    ]
    published = escape(found["warehouse"] or "") or "nothing yet: run `tillhouse run`"
    parts: list[RenderableType] = [f"published: {published}"]
    if found["freshness"]:
        parts.append(_table("Freshness", found["freshness"], right={"account_id", "days"}))
    parts.append(_table("Last runs", runs, right={"accounts", "requests", "rows"}) if runs else "no run yet")
    return Group(*parts)


def run_table(outcome: Outcome) -> RenderableType:
    """What a run fetched, by table, and how it ended."""
    record = outcome.record
    tables: dict[str, dict[str, Any]] = {}
    for row in record.tables:
        sums = tables.setdefault(row["table"], {"table": row["table"], "requests": 0, "rows": 0, "drips": 0.0})
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
    ended = {"ok": "all good", "partial": f"{record.accounts_failed} of {record.accounts} accounts failed"}
    rejected = f", {record.rejected_values:,} values could not be cast" if record.rejected_values else ""
    published = f", {outcome.published} marts published" if outcome.published else ""
    return f"{ended[record.status]}{rejected}{published}"


def _freshness(settings: Settings) -> list[dict[str, Any]]:
    if not settings.warehouse_file.exists():
        return []
    with warehouse.opened(settings.warehouse_file, read_only=True) as connection:
        found = connection.execute(
            f"select account_id, max(business_date), count(distinct business_date) "
            f"from {warehouse.MARTS}.revenue_by_location_daily group by account_id order by account_id"
        ).fetchall()
    return [{"account_id": account, "newest_day": str(newest), "days": days} for account, newest, days in found]


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
        table.add_column(name.replace("_", " "), justify="right" if name in right else "left")
    for row in rows:
        # A name is the merchant's own: what rich would take for markup is shown as it is.
        table.add_row(*("" if value is None else escape(str(value)) for value in row.values()))
    return table
