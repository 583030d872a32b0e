"""A list request to a page: filters, sort, keyset cursors, relations; 400 for what the API does not take."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

from pipelines.sandbox.entities import ENTITIES, Entity, Relation
from pipelines.sandbox.filters import BadFilterError, Test, equality, lower_bound, moment, test_of
from pipelines.sandbox.knobs import Knobs
from pipelines.sandbox.store import COLUMNS, Record, Store, stamp_of
from pipelines.sandbox.wire import leveled, rendered

LIMIT = 100
CONTROL = {"sort", "limit", "after", "before", "load_relations", "count", "archived", "or"}
OLD_PAGING = {"offset", "orderby", "orderby_desc"}


@dataclass(frozen=True)
class Question:
    """A list request, understood."""

    entity: Entity
    sort: str
    descending: bool
    limit: int
    after: tuple[Any, int] | None
    relations: tuple[str, ...]
    tests: tuple[Test, ...]
    where: str
    values: tuple[Any, ...]


def understood(entity: Entity, params: Mapping[str, str], knobs: Knobs) -> Question:
    """Raises BadFilterError with the API's message."""
    if knobs.old_paging_is_error and (old := OLD_PAGING & params.keys()):
        raise BadFilterError(f"Parameter {min(old)!r} is not supported in this version.")
    asked = params.get("sort", entity.key)
    sort = _field(asked.removeprefix("-"), entity, knobs.sort_spellings_of_update_time)
    if sort not in entity.sorts or (sort == "timeStamp" and entity.name in knobs.clock_unsortable):
        if not knobs.unknown_sort_is_error:
            return understood(entity, {**params, "sort": entity.key}, knobs)
        raise BadFilterError(f"Cannot sort by {asked!r}. Sortable fields: {', '.join(entity.sorts)}.")
    where, values = _indexed(entity, sort, params, knobs, descending=asked.startswith("-"))
    return Question(
        entity=entity,
        sort=sort,
        descending=asked.startswith("-"),
        limit=knobs.page_size or _limit(params.get("limit", str(min(LIMIT, knobs.largest_limit))), knobs),
        after=_behind(_cursor(params["after"]), sort, entity, knobs) if "after" in params else None,
        relations=_relations(params.get("load_relations", "")),
        tests=tuple(_tests(entity, params, knobs)),
        where=where,
        values=tuple(values),
    )


def page_of(
    store: Store, account_id: int, question: Question, url: str, params: Mapping[str, str], knobs: Knobs
) -> Any:
    """The answer's body: rows, and links that carry every parameter made explicit."""
    rows = list(islice(_matching(store, account_id, question), question.limit + 1))
    more = len(rows) > question.limit or (knobs.final_page_is_empty and len(rows) == question.limit)
    rows = rows[: question.limit]
    explicit = {**params, "sort": params.get("sort", question.entity.key), "limit": str(question.limit)}
    explicit = {name: value for name, value in explicit.items() if name not in {"after", "before"}}
    links = {
        "next": _link(url, explicit, "after", question, rows[-1]) if more and rows else "",
        "previous": _link(url, explicit, "before", question, rows[0]) if question.after and rows else "",
    }
    if knobs.attributes_of_v2:
        links |= {"count": str(len(rows)), "offset": "0", "limit": str(question.limit)}
    name = question.entity.name
    wanted = tuple(relation for relation in question.relations if relation not in knobs.relations_dropped)
    shown = shown_rows(store, account_id, question.entity, rows, wanted)
    if not shown:
        return {"@attributes": links, **({name: ""} if knobs.empty_list_has_key else {})}
    return {"@attributes": links, name: leveled([_as_told(row, question, knobs) for row in shown])}


def _as_told(row: dict[str, Any], question: Question, knobs: Knobs) -> dict[str, Any]:
    """A row with what knobs say of its fields."""
    if question.entity.name == "Sale":
        row = {knobs.update_time_field if name == "updateTime" else name: value for name, value in row.items()}
        if not knobs.complete_time_told:
            row.pop("completeTime", None)
    blank = question.relations if knobs.childless_is_blank else ()
    row = {**{name: "" for name in blank if name not in knobs.relations_dropped}, **row}
    return {name: _typed(value) for name, value in row.items()} if knobs.json_types else row


def _typed(value: Any) -> Any:
    """A number or a flag by its JSON type."""
    if value in ("true", "false"):
        return value == "true"
    return float(value) if isinstance(value, str) and re.fullmatch(r"-?\d+\.\d+", value) else value


def count_of(store: Store, account_id: int, question: Question) -> int:
    return sum(1 for _ in _matching(store, account_id, question))


def shown_rows(
    store: Store, account_id: int, entity: Entity, rows: list[Record], relations: tuple[str, ...]
) -> list[dict[str, Any]]:
    """*rows* in wire form with the relations that were asked for, each fetched once for the page."""
    left_out = (*entity.hidden, *(name for name in entity.nested if name not in relations))
    shown = [rendered(row, left_out) for row in rows]
    for relation in entity.relations:
        if relation.name in relations:
            deeper = tuple(path.split(".", 1)[1] for path in relations if path.startswith(f"{relation.name}."))
            _attach(store, account_id, relation, rows, shown, deeper)
    return shown


def relation_paths(entity: Entity, relations: tuple[str, ...]) -> list[tuple[str, bool]]:
    """(path, is to-many) of every relation asked for; BadFilterError for one that does not exist."""
    return [(path, _is_to_many(entity, path)) for path in relations]


def _is_to_many(entity: Entity, path: str) -> bool:
    head, _, rest = path.partition(".")
    if head in entity.nested:
        return False
    relation = next((relation for relation in entity.relations if relation.name == head), None)
    if relation is None:
        raise BadFilterError(f"{entity.name} has no relation {head!r}.")
    return _is_to_many(ENTITIES[relation.entity], rest) if rest else relation.container is not None


def _attach(
    store: Store,
    account_id: int,
    relation: Relation,
    rows: list[Record],
    shown: list[dict[str, Any]],
    deeper: tuple[str, ...],
) -> None:
    entity = ENTITIES[relation.entity]
    if relation.container:
        children = store.of_sales(account_id, relation.entity, [int(str(row[relation.through])) for row in rows])
        for row, answer in zip(rows, shown, strict=True):
            mine = children[int(str(row[relation.through]))]
            if mine:
                answer[relation.name] = {
                    relation.container: leveled(shown_rows(store, account_id, entity, mine, deeper))
                }
        return
    found: dict[int, Record | None] = {}
    for row, answer in zip(rows, shown, strict=True):
        key = int(str(row.get(relation.through) or 0))
        if key not in found:
            found[key] = store.get(account_id, relation.entity, key) if key else None
        if other := found[key]:
            answer[relation.name] = shown_rows(store, account_id, entity, [other], deeper)[0]


def _matching(store: Store, account_id: int, question: Question) -> Iterator[Record]:
    if question.sort != question.entity.key and question.sort not in COLUMNS:
        return _sorted_by_looking(store, account_id, question)
    found = store.page(
        account_id,
        question.entity.name,
        question.where,
        question.values,
        question.sort,
        question.after,
        descending=question.descending,
        batch=max(question.limit + 1, 50),
    )
    return (record for record in found if all(test(record) for test in question.tests))


def _sorted_by_looking(store: Store, account_id: int, question: Question) -> Iterator[Record]:
    """By a field without an index: small lists only."""

    def place(record: Record) -> tuple[Any, int]:
        return _plain(record.get(question.sort)), int(str(record[question.entity.key]))

    found = sorted(store.all(account_id, question.entity.name), key=place, reverse=question.descending)
    return (
        record
        for record in found
        if all(test(record) for test in question.tests)
        and (question.after is None or (place(record) > question.after) is not question.descending)
    )


def _tests(entity: Entity, params: Mapping[str, str], knobs: Knobs) -> Iterator[Test]:
    for name, condition in params.items():
        field = _field(name, entity, knobs.spellings_of_update_time)
        if name in CONTROL or name in OLD_PAGING:
            continue
        if field in {*entity.sorts, *entity.filters, entity.key}:
            yield test_of(field, _strict(condition) if knobs.at_least_is_after else condition)
        elif knobs.unknown_filter_is_error:
            raise BadFilterError(f"{entity.name} has no field {name!r} to filter by.")
    if "or" in params:
        yield _any_of(params["or"], entity, knobs)
    yield from _of_archived(entity, params, knobs)


def _of_archived(entity: Entity, params: Mapping[str, str], knobs: Knobs) -> Iterator[Test]:
    if "archived" in params and entity.name in knobs.archived_refused:
        raise BadFilterError(f"{entity.name} has no parameter 'archived'.")
    ignores = entity.name == "Sale" and knobs.archived_ignored_on_sale
    wanted = params.get("archived", "true" if entity.name in knobs.archived_shown else "false")
    if entity.has_archived and not ignores and wanted in {"false", "only"}:
        yield lambda record: bool(record.get("archived")) is (wanted == "only")


def _strict(condition: str) -> str:
    return condition.replace(">=,", ">,", 1) if condition.startswith(">=,") else condition


def _any_of(text: str, entity: Entity, knobs: Knobs) -> Test:
    """`or=description=~,foo|description=~,bar`."""
    parts = [part.partition("=") for part in text.split("|")]
    tests = [test_of(_field(name, entity, knobs.spellings_of_update_time), condition) for name, _, condition in parts]
    return lambda record: any(test(record) for test in tests)


def _indexed(
    entity: Entity, sort: str, params: Mapping[str, str], knobs: Knobs, *, descending: bool
) -> tuple[str, list[Any]]:
    """What SQL can narrow by before the tests look at each record."""
    where, values = "", list[Any]()
    for name, condition in params.items():
        field = _field(name, entity, knobs.spellings_of_update_time)
        column = "id" if field == entity.key else COLUMNS.get(field)
        if column in {"id", "sale_id"} and (wanted := equality(condition)) is not None:
            where, values = f"{where} and {column} = ?", [*values, wanted]
        elif column and field == sort and not descending and (bound := lower_bound(condition)):
            operand = int(bound[1]) if column in {"id", "sale_id"} else stamp_of(moment(bound[1]))
            where, values = f"{where} and {column} {bound[0]} ?", [*values, operand]
        elif column == "id" and condition.startswith("IN,"):
            wanted_ids = [int(part) for part in condition[3:].strip("[]").split(",") if part]
            where = f"{where} and id in ({', '.join('?' for _ in wanted_ids)})"
            values = [*values, *wanted_ids]
    return where, values


def _field(name: str, entity: Entity, spellings: tuple[str, ...]) -> str:
    """The world's own name of a field; one of its clocks is spelled in more ways than one."""
    if name.lower() == "updatetime" and "updateTime" in entity.sorts:
        return "updateTime" if name in spellings else f"no {name}"
    return name


def _limit(text: str, knobs: Knobs) -> int:
    """1 to the largest; beyond is capped or an error."""
    asked = int(text) if text.isdigit() else LIMIT
    if asked > knobs.largest_limit and knobs.beyond_limit_is_error:
        raise BadFilterError(f"limit must not exceed {knobs.largest_limit}.")
    return max(1, min(knobs.largest_limit, asked))


def _behind(after: tuple[Any, int], sort: str, entity: Entity, knobs: Knobs) -> tuple[Any, int]:
    """Where a page goes on: behind a row, or by knob behind every row of the same stamp."""
    return (after[0], 2**62) if knobs.ties_lost and sort != entity.key else after


def _relations(text: str) -> tuple[str, ...]:
    try:
        relations = json.loads(text) if text else []
    except json.JSONDecodeError:
        raise BadFilterError(f"load_relations is not a list: {text}") from None
    return tuple(relations)


def _link(url: str, params: Mapping[str, str], name: str, question: Question, row: Record) -> str:
    key = int(str(row[question.entity.key]))
    value = row.get(question.sort)
    token = [key] if question.sort == question.entity.key else [_plain(value), key]
    packed = base64.b64encode(json.dumps(token, separators=(",", ":")).encode()).decode()
    return f"{url}?{urlencode({**params, name: packed}, quote_via=quote, safe='')}"


def _plain(value: Any) -> Any:
    return stamp_of(value) if isinstance(value, datetime) else value


def _cursor(token: str) -> tuple[Any, int]:
    try:
        *value, key = json.loads(base64.b64decode(token))
        return (value[0] if value else key), int(key)
    except (ValueError, TypeError):
        raise BadFilterError("the page token is not one of ours") from None
