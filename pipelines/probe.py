"""Ask each account's API what the documentation leaves open, show it, keep its shapes, and apply what follows."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import duckdb
import httpx
import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipelines import durable, publication
from pipelines.errors import AuthError, RequestError, SettingsError, TillhouseError, UsageError
from pipelines.settings import Settings
from pipelines.sources.lightspeed import source as lightspeed
from pipelines.sources.lightspeed.behaviour import Behaviour, behaviour_of, save
from pipelines.sources.lightspeed.probing import manner, reports, sales, tables
from pipelines.sources.lightspeed.probing.asking import Asker, Budget, BudgetSpentError
from pipelines.sources.lightspeed.probing.facts import Fact, Seen, Step, Verdict
from pipelines.sources.lightspeed.tokens import Connection
from pipelines.transport import http_client

BUDGET = 90.0
"""Drips an account: the bucket of the smallest one. All questions take 60 to 80."""

COLOURS: dict[Verdict, str] = {
    "as expected": "green",
    "differs": "yellow",
    "learnt": "cyan",
    "not decided": "dim",
    "not asked": "dim",
}

log = logging.getLogger("tillhouse")


@dataclass(frozen=True)
class Finding:
    """A fact and what was seen of it."""

    fact: str
    expected: str
    seen: str
    verdict: Verdict
    tillhouse: str


@dataclass(frozen=True)
class Change:
    """A setting of the account that the answers speak for."""

    setting: str
    old: Any
    new: Any


@dataclass
class Probed:
    """What one account's API answered."""

    account_id: int
    findings: list[Finding] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    is_applied: bool = False
    requests: int = 0
    drips: float = 0.0
    failure: str = ""
    file: str = ""

    def facts(self) -> dict[str, Any]:
        return asdict(self)


async def examine(
    settings: Settings,
    accounts: Sequence[int] = (),
    *,
    budget: float = BUDGET,
    apply: bool = False,
    tell: Callable[[str], None] = lambda _: None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> list[Probed]:
    """Probe *accounts*, or all; one that fails keeps no other from being probed. *tell* hears of the progress."""
    probed = []
    async with http_client(transport) as http:
        for account_id in _chosen(settings, accounts):
            tell(f"account {account_id}: reading only, {budget:g} drips at most")
            probed.append(await _account(settings, http, account_id, budget, tell))
            if apply and not probed[-1].failure:
                _apply(settings, probed[-1])
    return probed


def _chosen(settings: Settings, accounts: Sequence[int]) -> list[int]:
    known = lightspeed.token_store(settings).account_ids()
    if not known:
        raise SettingsError(
            "no Lightspeed account is connected: run `tillhouse connect`, or `tillhouse demo` to look around first"
        )
    if missing := sorted(set(accounts) - set(known)):
        raise UsageError(
            f"account {missing[0]} is no connected Lightspeed account; connected: {', '.join(map(str, known))}"
        )
    return [account_id for account_id in known if not accounts or account_id in accounts]


async def _account(
    settings: Settings, http: httpx.AsyncClient, account_id: int, budget: float, tell: Callable[[str], None]
) -> Probed:
    found = Probed(account_id)
    try:
        connection = lightspeed.token_store(settings).load(account_id)
        client = lightspeed.client_of(settings, http, connection, Budget(budget))
    except (AuthError, SettingsError) as error:
        found.failure = str(error)
        return found
    asker = Asker(client, lambda name: tell(f"account {account_id}: {name}"))
    seen = await _seen(found, connection, asker, readings_of_nights(settings, account_id))
    found.requests, found.drips = client.requests, round(client.bucket.spent, 3)
    found.changes = _changes(client.behaviour, seen.values())
    if not found.failure:
        found.file = str(_keep(settings, found, asker, budget))
    return found


def steps(connection: Connection) -> list[Step]:
    """All questions, the ones that others rest on first."""
    return [
        manner.FIRST,
        manner.session(connection),
        manner.PAGE_SIZE,
        *tables.SERVED,
        tables.TIME_ZONES,
        *manner.STEPS,
        *sales.STEPS,
        reports.STEP,
        *tables.ARCHIVED,
        manner.COUNTING,
    ]


async def _seen(found: Probed, connection: Connection, asker: Asker, known: Mapping[str, str]) -> dict[str, Seen]:
    """Ask every step; what a token or a network fails at ends the account, what the budget fails at is not asked."""
    seen: dict[str, Seen] = {}
    for step in steps(connection):
        why: Verdict | None = None
        text = ""
        try:
            async for one in step.ask(asker):
                seen[one.fact] = one
        except BudgetSpentError:
            why, text = "not asked", "not asked (budget)"
        except TillhouseError as error:
            if step is manner.FIRST or isinstance(error, AuthError):
                found.failure = str(error)
                return seen
            # Not its own words: they may quote what the API said.
            log.warning(
                "account %s: %s is not decided (%s)", found.account_id, step.facts[0].name, type(error).__name__
            )
            why, text = "not decided", f"HTTP {error.status}" if isinstance(error, RequestError) else "no answer"
        except Exception as error:
            # An answer in a shape that a question did not expect must not cost the other facts.
            log.exception("account %s: %s", found.account_id, step.facts[0].name)
            why, text = "not decided", f"unexpected {type(error).__name__}; please report it with the log"
        for fact in step.facts:
            one = seen.setdefault(fact.name, Seen(fact.name, text, why or "not decided"))
            found.findings.append(_finding(fact, one, known))
    return seen


def _finding(fact: Fact, seen: Seen, known: Mapping[str, str]) -> Finding:
    """Add the readings that nightly runs found."""
    text, verdict = seen.text, seen.verdict
    if fact.name in known:
        text, verdict = f"{known[fact.name]}; now: {text}", "learnt"
    return Finding(fact.name, fact.expected, text, verdict, fact.does)


_READINGS = """
select measure, reading, count(*) as days, count(*) filter (where agrees) as agreeing
from (
    select measure, reading, business_date, bool_and(status in ('match', 'rounding', 'explained')) as agrees
    from marts.reconciliation_daily
    where account_id = ? and reading is not null
    group by measure, reading, business_date
)
group by measure, reading
order by days
"""


def readings_of_nights(settings: Settings, account_id: int) -> dict[str, str]:
    """The published reading of each report, by the name of its fact. Empty before the first run."""
    if not settings.warehouse_file.exists():
        return {}
    try:
        with publication.reading(settings) as connection:
            found = connection.execute(_READINGS, [account_id]).fetchall()
    except (duckdb.Error, TillhouseError) as error:
        log.warning("what the nights read the reports as is not told: %s", type(error).__name__)
        return {}
    return {
        reports.FACT_OF[measure].name: f"by the nights: {reading} ({agreeing} of {days} days agree)"
        for measure, reading, days, agreeing in found
        if measure in reports.FACT_OF
    }


def _changes(behaviour: Behaviour, seen: Any) -> list[Change]:
    """What the answers say otherwise than the account's settings; what they do not decide stays."""
    wanted = msgspec.structs.asdict(behaviour)
    for one in seen:
        for setting, value in one.settings.items():
            wanted[setting] = _with(wanted[setting], value) if isinstance(value, Mapping) else value
    return [
        Change(setting, getattr(behaviour, setting), value)
        for setting, value in wanted.items()
        if value != getattr(behaviour, setting)
    ]


def _with(listed: Sequence[str], decided: Mapping[str, bool]) -> tuple[str, ...]:
    left = [table for table in listed if table not in decided]
    return tuple(sorted([*left, *(table for table, is_in in decided.items() if is_in)]))


def _apply(settings: Settings, probed: Probed) -> None:
    if probed.changes:
        before = behaviour_of(settings, probed.account_id)
        told = {change.setting: change.new for change in probed.changes}
        save(settings, probed.account_id, msgspec.structs.replace(before, **told))
    probed.is_applied = True


def _keep(settings: Settings, probed: Probed, asker: Asker, budget: float) -> Any:
    """The file to send: facts and shapes, without a value of a person or a sale."""
    folder = settings.tillhouse_data_dir / "probe"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{probed.account_id}.json"
    told = {
        "tillhouse": version("tillhouse"),
        "probed_on": str(datetime.now(UTC).date()),
        "budget": budget,
        "drips": probed.drips,
        "facts": [asdict(finding) for finding in probed.findings],
        "settings": [asdict(change) for change in probed.changes],
        "questions": asker.asked,
        "shapes": asker.shapes.facts(),
    }
    durable.write(path, json.dumps(told, indent=1).encode())
    path.chmod(0o600)
    return path


def view(probed: Sequence[Probed]) -> RenderableType:
    return Group(*(_view(one) for one in probed))


def _view(probed: Probed) -> RenderableType:
    if probed.failure:
        return Text(f"account {probed.account_id}: not probed\n")
    title = f"account {probed.account_id}: {probed.requests} requests, {probed.drips:g} drips"
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for heading in ("fact", "expected", "seen", "what tillhouse does"):
        table.add_column(heading)
    for finding in probed.findings:
        seen = Text(finding.seen, style=COLOURS[finding.verdict])
        table.add_row(finding.fact, finding.expected, seen, finding.tillhouse)
    return Group(table, Text(), *map(Text, _ending(probed)), Text())


def _ending(probed: Probed) -> list[str]:
    """What follows for the account's settings, and where the file is."""
    lines = [f"{change.setting}: {_shown(change.old)} → {_shown(change.new)}" for change in probed.changes]
    if not probed.changes:
        lines = ["The account's settings are as its API answers."]
    elif probed.is_applied:
        lines += ["Applied: the next run asks so."]
    else:
        lines += [f"To apply: tillhouse probe --account {probed.account_id} --apply"]
    return [*lines, f"Shapes without values, to send to us: {probed.file}"]


def _shown(value: Any) -> str:
    return (", ".join(value) or "none") if isinstance(value, tuple) else str(value)
