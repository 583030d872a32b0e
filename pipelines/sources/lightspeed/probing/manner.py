"""How the API answers, whatever is asked: limits, pages, filters, counts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from pipelines.errors import RequestError
from pipelines.sources.lightspeed.client import COUNT_COST, REMEDIES
from pipelines.sources.lightspeed.endpoints import SCOPES
from pipelines.sources.lightspeed.probing.asking import LIMIT, NEVER, Answer, Asker
from pipelines.sources.lightspeed.probing.facts import Fact, Seen, Step, agrees, counted, moment, undecided, unserved
from pipelines.sources.lightspeed.tokens import Connection
from pipelines.transport import fraction, number, server_time

HEADERS = (
    "X-LS-Api-Bucket-Level",
    "X-LS-API-Burst-Level",
    "X-LS-Api-Drip-Rate",
    "X-LS-Api-Request-Cost",
)

LIMITS_TOLD = Fact(
    "rate limit headers",
    "all 4 on every answer",
    "paces requests by them; without them, as for the smallest account: 90 drips, 1 a second, 10 requests a second",
)
BUCKET = Fact(
    "bucket and drip rate",
    "90 drips at 1 a second; 10 and 0.5 more for each further register",
    "adapts: takes both from the headers of each answer",
)
BURST = Fact("requests a second", "20 for a bucket of 90", "adapts: takes the limit from the headers of each answer")
SERVER_CLOCK = Fact(
    "server's clock",
    "a Date header",
    "adapts: 'now' is the server's clock, or this machine's where there is no header",
)


async def account(asker: Asker) -> AsyncIterator[Seen]:
    answer = await asker.single(f"/API/V3/Account/{asker.client.account_id}.json", "Account")
    if not answer.is_served:
        remedy = REMEDIES.get(answer.status, "try again later")
        raise RequestError(
            f"account {asker.client.account_id}: HTTP {answer.status} for the account itself; {remedy}",
            status=answer.status,
        )
    missing = [name for name in HEADERS if name not in answer.headers]
    yield agrees(LIMITS_TOLD, f"missing: {', '.join(missing)}" if missing else "all 4", when=not missing)
    for seen in _limits(answer):
        yield seen
    yield _clock(answer)


def _limits(answer: Answer) -> Sequence[Seen]:
    _, size = fraction(answer.headers.get("X-LS-Api-Bucket-Level"))
    _, burst = fraction(answer.headers.get("X-LS-API-Burst-Level"))
    drip = number(answer.headers.get("X-LS-Api-Drip-Rate"))
    if not size or not drip:
        return [undecided(BUCKET, "not told"), undecided(BURST, "not told")]
    # By the model of March 2026 both follow the number of registers: (size - 90) / 10 = (drip - 1) / 0.5.
    modelled = abs((size - 90) / 10 - (drip - 1) / 0.5) < 0.01
    told = agrees(BUCKET, f"{size:g} drips at {drip:g} a second", when=modelled)
    if not burst:
        return [told, undecided(BURST, "not told")]
    return [told, agrees(BURST, f"{burst:g} for a bucket of {size:g}", when=abs(burst / size - 20 / 90) < 0.02)]


def _clock(answer: Answer) -> Seen:
    if "Date" not in answer.headers:
        return agrees(SERVER_CLOCK, "no Date header", when=False)
    skew = (datetime.now(UTC) - server_time(answer.response)).total_seconds()
    text = f"a Date header; this machine is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
    return agrees(SERVER_CLOCK, text, when=True)


SCOPES_IN_TOKEN = Fact(
    "scopes in the token",
    f"the {len(SCOPES)} that reading needs",
    "`tillhouse doctor` names the missing ones; a table without its right is empty or fails alone",
)
RIGHTS_IN_SESSION = Fact(
    "rights of the session",
    "a right for each scope",
    "nothing: what counts is which tables are served, below",
)


def session(connection: Connection) -> Step:
    async def ask(asker: Asker) -> AsyncIterator[Seen]:
        yield _scopes(connection.scopes)
        answer = await asker.single("/API/Session.json", "Session")
        yield _rights(answer)

    return Step((SCOPES_IN_TOKEN, RIGHTS_IN_SESSION), ask)


def _scopes(granted: Sequence[str]) -> Seen:
    if not granted:
        return undecided(SCOPES_IN_TOKEN, "the token does not say")
    missing = () if "employee:all" in granted else tuple(scope for scope in SCOPES if scope not in granted)
    text = "employee:all" if "employee:all" in granted else f"all {len(SCOPES)}"
    return agrees(SCOPES_IN_TOKEN, f"missing: {', '.join(missing)}" if missing else text, when=not missing)


def _rights(answer: Answer) -> Seen:
    rights = answer.body.get("Rights") if answer.is_served and isinstance(answer.body, dict) else None
    if not isinstance(rights, dict):
        return undecided(RIGHTS_IN_SESSION, "not told" if answer.is_served else unserved(answer))
    held = {name for name, value in rights.items() if str(value).lower() == "true"}
    missing = [scope for scope in SCOPES if not {scope.removeprefix("employee:"), "all", "all_read"} & held]
    text = f"{counted(len(held), 'right')}; none for {', '.join(missing)}" if missing else counted(len(held), "right")
    return agrees(RIGHTS_IN_SESSION, text, when=not missing)


LINKS = Fact("links of a list", "next, previous", "follows `next`; a list without it is an error, never an end")
EMPTY = Fact("empty list", "no key for its rows", 'adapts: no key, `""` and `[]` all mean no rows')
FULL_LAST = Fact("last page that is full", "says that none follows", "adapts: an empty page after it is an end as well")
PAGE_LIMIT = Fact("rows a page", f"{LIMIT} at most; more is capped", "asks for `page_limit` rows a page")
UNKNOWN_FILTER = Fact(
    "unknown filter", "refused (HTTP 400)", "asks by documented fields only; see the spelling of updateTime"
)


async def pages(asker: Asker) -> AsyncIterator[Seen]:
    empty = await asker.page("Sale", {"timeStamp": NEVER}, limit=1)
    yield _empty(empty)
    yield _links(empty)
    yield await _full_last_page(asker)
    unknown = await asker.page("Shop", {"tillhouseProbe": "1"}, limit=1)
    yield _unknown_filter(unknown)


def _unknown_filter(answer: Answer) -> Seen:
    if not answer.is_served and not answer.is_refused:
        return undecided(UNKNOWN_FILTER, unserved(answer))
    text = "refused (HTTP 400)" if answer.is_refused else "ignored"
    return agrees(UNKNOWN_FILTER, text, when=answer.is_refused)


def _empty(answer: Answer) -> Seen:
    if not answer.is_served:
        return undecided(EMPTY, unserved(answer))
    if answer.rows:
        return undecided(EMPTY, "the list was not empty: its filter by timeStamp is ignored")
    if answer.collection not in answer.body:
        return agrees(EMPTY, "no key for its rows", when=True)
    return agrees(EMPTY, {"": '`""` under its key', "[]": "`[]` under its key"}.get(_text(answer), "null"), when=False)


def _text(answer: Answer) -> str:
    found = answer.body[answer.collection]
    return "[]" if isinstance(found, list) else "" if found == "" else "null"


def _links(answer: Answer) -> Seen:
    if not answer.is_served:
        return undecided(LINKS, unserved(answer))
    told = sorted(name for name in answer.attributes if name.isidentifier())
    return agrees(LINKS, ", ".join(told) or "none", when=told == ["next", "previous"])


async def _full_last_page(asker: Asker) -> Seen:
    """Asked of the shops, which are few: as many a page as there are."""
    shops = asker.kept.get("shop")
    if shops is None or not shops.rows or len(shops.rows) >= asker.limit or shops.attributes.get("next"):
        return undecided(FULL_LAST, "no short list of shops was served")
    again = await asker.page("Shop", {"archived": "true", "sort": "shopID"}, limit=len(shops.rows))
    if not again.is_served or len(again.rows) != len(shops.rows):
        return undecided(FULL_LAST, "the page was not full")
    follows = bool(again.attributes.get("next"))
    return agrees(FULL_LAST, "names a page after it" if follows else "says that none follows", when=not follows)


LARGER = 250


async def page_limit(asker: Asker) -> AsyncIterator[Seen]:
    """Asked of a long list, first of all: a smaller limit is kept by every later question."""
    for collection in ("SaleLine", "Item"):
        answer = await asker.page(collection, {}, limit=LARGER)
        if answer.is_served or answer.is_refused:
            break
    if answer.is_refused:
        yield await _smaller_limit(asker, collection)
        return
    yield _larger_limit(answer)


def _larger_limit(answer: Answer) -> Seen:
    found = len(answer.rows)
    if not answer.is_served:
        return undecided(PAGE_LIMIT, unserved(answer))
    if found > LIMIT:
        text = f"more than {LIMIT} where {LARGER} were asked for"
        return agrees(PAGE_LIMIT, text, when=False, page_limit=LARGER)
    if not answer.attributes.get("next"):
        return undecided(PAGE_LIMIT, "the account has too few rows to tell")
    return agrees(PAGE_LIMIT, f"capped at {found}", when=found == LIMIT, page_limit=LIMIT)


async def _smaller_limit(asker: Asker, collection: str) -> Seen:
    for limit in (LIMIT, LIMIT // 2, LIMIT // 5):
        answer = await asker.page(collection, {}, limit=limit)
        if answer.is_served:
            asker.limit = limit
            text = f"{limit} are served; more is refused (HTTP 400)"
            return agrees(PAGE_LIMIT, text, when=False, page_limit=limit)
    return undecided(PAGE_LIMIT, "every limit is refused")


FILTERED = Fact(
    "updateTime as a filter",
    "updateTime and updatetime",
    "asks by `update_time_filter`; any: adapts, tries each spelling; none: reads the last "
    "LIGHTSPEED_DEEP_REREAD_DAYS again each night",
)
SORTED = Fact(
    "updateTime as a sort",
    "updateTime and updatetime",
    "asks by `update_time_sort`; any: adapts, tries each spelling until one is accepted",
)
SPELLINGS = ("updateTime", "updatetime")


async def update_time(asker: Asker) -> AsyncIterator[Seen]:
    filtered = {one: _as_filter(await asker.page("Sale", {one: NEVER}, limit=1)) for one in SPELLINGS}
    yield await _spelling(asker, FILTERED, filtered, {"timeStamp": NEVER})
    ordered = {one: _as_sort(await asker.page("Sale", {"sort": f"-{one}"})) for one in SPELLINGS}
    yield await _spelling(asker, SORTED, ordered, {"sort": "-timeStamp"})


def _as_filter(answer: Answer) -> str:
    if answer.is_served:
        return "ignored" if answer.rows else "accepted"
    return "refused" if answer.is_refused else unserved(answer)


def _as_sort(answer: Answer) -> str:
    """Asked downwards: by id, as where a sort is ignored, sales mostly go up."""
    if not answer.is_served:
        return "refused" if answer.is_refused else unserved(answer)
    stamps = [moment(row, *SPELLINGS) for row in answer.rows]
    known = [stamp for stamp in stamps if stamp]
    return "accepted" if known == sorted(known, reverse=True) else "ignored"


SETTING = {FILTERED.name: "update_time_filter", SORTED.name: "update_time_sort"}


async def _spelling(asker: Asker, fact: Fact, answers: dict[str, str], control: dict[str, str]) -> Seen:
    """One accepted spelling is a setting, both leave the client trying; none only where *control* is accepted."""
    if strange := set(answers.values()) - {"accepted", "refused", "ignored"}:
        return undecided(fact, min(strange))
    accepted = [spelling for spelling, answer in answers.items() if answer == "accepted"]
    text = "; ".join(f"{spelling} {answer}" for spelling, answer in answers.items())
    if not accepted and not (await asker.page("Sale", control, limit=1)).is_served:
        return undecided(fact, f"{text}; so is the same question of timeStamp")
    value: Any = "any" if len(accepted) == 2 else accepted[0] if accepted else "none"
    return agrees(fact, text, when=len(accepted) == 2, **{SETTING[fact.name]: value})


INCLUSIVE = Fact(
    "`>=` on a clock", "takes its bound in", "adapts: reads back LIGHTSPEED_OVERLAP_MINUTES before each cursor"
)
TIES = Fact(
    "equal stamps over pages",
    "all come, by id",
    "follows `next` as it is; rows lost there come with the trailing re-read, the count of sales tells",
)


async def ties(asker: Asker) -> AsyncIterator[Seen]:
    """Lines of a sale share a second: a page that ends between two of them is asked for."""
    first = await asker.page("SaleLine", {"sort": "timeStamp"})
    rows = first.rows
    split = next((place for place in range(len(rows) - 1) if _is_tie(rows[place], rows[place + 1])), None)
    if not first.is_served or split is None:
        why = "no two lines with one stamp were served" if first.is_served else unserved(first)
        yield undecided(INCLUSIVE, why)
        yield undecided(TIES, why)
        return
    stamp = _stamp(rows[split])
    since = await asker.page("SaleLine", {"sort": "timeStamp", "timeStamp": f">=,{stamp}"}, limit=1)
    took = bool(since.rows) and _stamp(since.rows[0]) == stamp
    yield agrees(INCLUSIVE, "takes its bound in" if took else "leaves its bound out", when=took)
    yield await _tie(asker, rows, split)


async def _tie(asker: Asker, rows: list[dict[str, Any]], split: int) -> Seen:
    first = await _first_of_second_page(asker, split + 1)
    if first == rows[split + 1].get("saleLineID"):
        return agrees(TIES, "all come, by id", when=True)
    repeated = first in {row.get("saleLineID") for row in rows[: split + 1]}
    return agrees(TIES, "the last row comes again" if repeated else "rows are lost", when=False)


async def _first_of_second_page(asker: Asker, limit: int) -> Any:
    number_of_page = 0
    async for page in asker.client.pages("SaleLine", {"sort": "timeStamp"}, limit=limit):
        number_of_page += 1
        if number_of_page == 2:
            [row, *_] = [*map(json.loads, page.rows), {}]
            return row.get("saleLineID")
    return None


def _is_tie(row: dict[str, Any], following: dict[str, Any]) -> bool:
    return bool(moment(row, "timeStamp")) and _stamp(row) == _stamp(following)


def _stamp(row: dict[str, Any]) -> str:
    return str(row.get("timeStamp"))


COUNT = Fact("count of rows", "a number, for 10 drips", "asks one a night: the sales of the last days")


async def count(asker: Asker) -> AsyncIterator[Seen]:
    answer = await asker.page("Sale", {"count": "1"})
    if not answer.is_served:
        yield undecided(COUNT, unserved(answer))
        return
    is_number = str(answer.attributes.get("count", "")).isdigit()
    text = f"{'a number' if is_number else 'no number'}, for {answer.cost:g} drips"
    yield agrees(COUNT, text, when=is_number and answer.cost == COUNT_COST)


FIRST = Step((LIMITS_TOLD, BUCKET, BURST, SERVER_CLOCK), account)
PAGE_SIZE = Step((PAGE_LIMIT,), page_limit)
STEPS = (
    Step((FILTERED, SORTED), update_time),
    Step((EMPTY, LINKS, FULL_LAST, UNKNOWN_FILTER), pages),
    Step((INCLUSIVE, TIES), ties),
)
COUNTING = Step((COUNT,), count)
