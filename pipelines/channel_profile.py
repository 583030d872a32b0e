"""What the tills' own evidence says of each channel, and the lines of the seeds that would name what none does."""

from __future__ import annotations

import csv
import io
import re
import shlex
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from pipelines import project_files, warehouse
from pipelines.errors import TillhouseError
from pipelines.query import published
from pipelines.settings import Settings

PRIORITIES = {"reference_source": 45, "payment_type": 65}
"""Behind the rules that ship with tillhouse, which name a source or a tender more closely."""

TELLS_ITS_PAST = frozenset({"shopify"})
"""Kinds of store that tell what an order was when it was copied: a number alone need not do there."""

LIKELY_CHANNEL = "online_own"
"""What a source that nothing is known of is suggested as: the merchant puts the right one in its place."""

LINKS = "location_links"

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
    links = [row for row in _mart(settings, "location_links") if not accounts or row["account_id"] in accounts]
    return {"profile": wanted, "suggestions": {**suggestions(wanted), LINKS: link_lines(links)}}


def _rows(settings: Settings) -> list[Row]:
    rows = _mart(settings, "channel_profile")
    return sorted(rows, key=lambda row: (not row["to_confirm"], -row["tickets"]))


def _mart(settings: Settings, name: str) -> list[Row]:
    with published(settings) as connection:
        if not warehouse.has_mart(connection, name):
            raise TillhouseError(
                f"{settings.warehouse_file} was published before there was a mart {name}: run `tillhouse run`"
            )
        return warehouse.rows(connection, f"select * from {warehouse.MARTS}.{name} order by all")


def suggestions(rows: list[Row]) -> dict[str, list[str]]:
    """Lines for each seed, as its CSV has them; one where several rows ask for the same."""
    asking = [row for row in rows if row["to_confirm"]]
    found = {"channel_rules": map(_channel_rule, asking), "mirror_rules": map(_mirror_rule, asking)}
    return {seed: sorted({_line(rule) for rule in rules if rule}) for seed, rules in found.items()}


def link_lines(links: list[Row]) -> list[str]:
    """Lines for the seed location_links: each open location without a shop, once for each shop that bears its name."""
    asking = [row for row in links if row["basis"] == "none" and row["is_active"]]
    return [
        _line((row["source"], row["store_id"], row["location_id"], shop_id))
        for row in asking
        for shop_id in row["candidate_shop_ids"].split(", ")
    ]


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


def profile_view(settings: Settings, found: dict[str, Any], *, limit: int) -> RenderableType:
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
            parts += ["", *_heading(settings, seed), *lines]
    if any(f",{LIKELY_CHANNEL}," in line for line in found["suggestions"]["channel_rules"]):
        channels = project_files.path_of(settings, "channels")
        parts.append(f"({LIKELY_CHANNEL} is a guess: put the source's own channel, as in {channels})")
    if found["suggestions"][LINKS]:
        parts.append("(one line a location: shop_id is the shop's in dim_locations, or empty for one that has no till)")
    return Group(*parts)


def _heading(settings: Settings, seed: str) -> list[str]:
    """Where the lines go. A file of the user's own is used instead of the shipped one, so it begins as a copy of it."""
    own, source = project_files.own_path(settings, seed), project_files.path_of(settings, seed)
    copy = [] if own == source else [f"mkdir -p {_quoted(own.parent)}", f"cp {_quoted(source)} {_quoted(own)}"]
    return [*copy, f"rows you may paste into {own}, then `tillhouse transform` and `tillhouse publish`:"]


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


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
