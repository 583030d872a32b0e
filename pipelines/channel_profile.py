"""What the tills' own evidence says of each channel, and the lines of the seeds that would name what none does."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from pipelines import warehouse
from pipelines.errors import TillhouseError
from pipelines.query import published
from pipelines.settings import Settings

SEEDS = "dbt_project/seeds"

PRIORITIES = {"reference_source": 45, "payment_type": 65}
"""Behind the rules that ship with tillhouse, which name a source or a tender more closely."""

TELLS_ITS_PAST = frozenset({"shopify"})
"""Kinds of store that tell what an order was when it was copied: a number alone need not do there."""

LIKELY_CHANNEL = "online_own"
"""What a source that nothing is known of is suggested as: the merchant puts the right one in its place."""

HEADINGS = ("account", "what the tickets say", "tickets", "total", "counts as", "to confirm")
RIGHT = frozenset({"tickets", "total"})
KEPT_WHOLE = frozenset({"account", *RIGHT})

Row = dict[str, Any]


def profile(settings: Settings, accounts: tuple[int, ...]) -> dict[str, Any]:
    """The rows of channel_profile, what needs to be confirmed first, and lines for the seeds that would settle it."""
    rows = _rows(settings)
    known = sorted({row["account_id"] for row in rows})
    if strange := sorted(set(accounts) - set(known)):
        raise TillhouseError(
            f"account {strange[0]} has no ticket in what is published; these have: {', '.join(map(str, known))}"
        )
    wanted = [row for row in rows if not accounts or row["account_id"] in accounts]
    return {"profile": wanted, "suggestions": suggestions(wanted)}


def _rows(settings: Settings) -> list[Row]:
    with published(settings) as connection:
        marts = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
        if "channel_profile" not in marts:
            raise TillhouseError(
                f"{settings.warehouse_file} was published before there was a channel profile: run `tillhouse run`"
            )
        result = connection.execute(f"select * from {warehouse.MARTS}.channel_profile order by all")
        names = [column[0] for column in result.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    return sorted(rows, key=lambda row: (not row["to_confirm"], -row["tickets"]))


def suggestions(rows: list[Row]) -> dict[str, list[str]]:
    """Lines for each seed, as its CSV has them; one where several rows ask for the same."""
    asking = [row for row in rows if row["to_confirm"]]
    found = {"channel_rules": map(_channel_rule, asking), "mirror_rules": map(_mirror_rule, asking)}
    return {seed: sorted({_line(rule) for rule in rules if rule}) for seed, rules in found.items()}


def _channel_rule(row: Row) -> tuple[Any, ...] | None:
    """evidence, pattern, channel, sub_channel, priority; None where no evidence that a rule may name is left."""
    source, tender = row["reference_source"], row["hinted_tender"]
    if row["is_named"] or source == "other sources":
        return None
    if source:
        named = row["hinted_channel"] or LIKELY_CHANNEL, row["hinted_sub_channel"] or source
        return ("reference_source", source, *named, PRIORITIES["reference_source"])
    if tender:
        named = row["hinted_channel"], row["hinted_sub_channel"]
        return ("payment_type", tender, *named, PRIORITIES["payment_type"])
    return None


def _mirror_rule(row: Row) -> tuple[Any, ...] | None:
    """evidence, pattern, source, checks_total; only for tickets that are seen to copy online orders.

    A number of digits alone is nobody's own form: a counter's docket may bear it.
    """
    source, form = row["reference_source"], row["reference_form"]
    if not row["uncaught_copies"] or "other sources" in source or form == "other forms":
        return None
    if source:
        return ("reference_source", source, row["copied_source"], "false")
    checks_total = "true" if row["copied_source"] in TELLS_ITS_PAST else "false"
    return ("order_number", _pattern(form), row["copied_source"], checks_total) if form.strip("9") else None


def _pattern(form: str) -> str:
    """A form such as #9999 as the seed's regular expression."""
    parts = [(part[0], len(part)) for part in re.findall(r"9+|A+|.", form)]
    kinds = {"9": "[0-9]", "A": "[a-z]"}
    return "".join(f"{kinds[first]}{{{length}}}" if first in kinds else _literal(first) for first, length in parts)


def _literal(character: str) -> str:
    """Like re.escape, but leaves alone what merchants put into numbers and no expression minds, such as # and -."""
    return f"\\{character}" if character in r"\.^$*+?()[]{}|" else character


def _line(values: tuple[Any, ...]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()


def profile_view(found: dict[str, Any], *, limit: int) -> RenderableType:
    """The table that a merchant reads, and the lines for the seeds."""
    rows = found["profile"]
    if not rows:
        return "no ticket is counted yet: there is nothing to confirm"
    parts: list[RenderableType] = [_table(rows[:limit])]
    if len(rows) > limit:
        parts.append(f"the first {limit} of {len(rows)} rows; --limit shows more")
    asking = sum(1 for row in rows if row["to_confirm"])
    parts += ["", f"{asking} rows to confirm" if asking else "nothing to confirm: a rule names every source"]
    for seed, lines in found["suggestions"].items():
        if lines:
            heading = f"rows you may paste into {SEEDS}/{seed}.csv, then `tillhouse transform` and `tillhouse publish`:"
            parts += ["", heading, *lines]
    if any(f",{LIKELY_CHANNEL}," in line for line in found["suggestions"]["channel_rules"]):
        parts.append(f"({LIKELY_CHANNEL} is a guess: put the source's own channel, as in {SEEDS}/channels.csv)")
    return Group(*parts)


def _table(rows: list[Row]) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(
            heading, justify="right" if heading in RIGHT else "left", no_wrap=heading in KEPT_WHOLE, overflow="fold"
        )
    for row in rows:
        total = f"{row['total_sales']:,.2f} {row['currency'] or ''}".strip()
        told = (row["account_id"], _evidence(row), row["tickets"], total, _counts_as(row), row["to_confirm"])
        table.add_row(*map(str, told))
    return table


def _evidence(row: Row) -> str:
    parts = (
        f"{row['reference_source']} {row['reference_form']}".strip(),
        row["payment_types"],
        row["register_name"],
        row["generic_customer"] or row["customer_class"].replace("_", " "),
        "shipped" if row["has_shipment"] else "",
        f"last {row['last_date']} {row['last_reference']}".strip(),
    )
    return ", ".join(part for part in parts if part)


def _counts_as(row: Row) -> str:
    channel, sub_channel = row["channel"], row["sub_channel"]
    copies = f", {row['mirror_tickets']} copies by {row['mirror_rules']}" if row["mirror_rules"] else ""
    return (channel if channel == sub_channel else f"{channel}/{sub_channel}") + copies
