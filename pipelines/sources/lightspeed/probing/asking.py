"""One question at a time, paid from a budget; each answer is noted by its shape and then judged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from pipelines.errors import TillhouseError
from pipelines.sources.lightspeed.client import COUNT_COST, LightspeedClient
from pipelines.sources.lightspeed.probing.shapes import NAME, Shapes
from pipelines.transport import LeakyBucket, number

LIMIT = 100
NEVER = ">,2199-01-01T00:00:00+00:00"
"""A filter on a clock that no row passes."""


class BudgetSpentError(TillhouseError):
    """The next question would cost more than the budget has left."""


class Budget(LeakyBucket):
    """The account's bucket, which also refuses what goes beyond *drips* in all."""

    def __init__(self, drips: float) -> None:
        super().__init__()
        self.drips = drips
        self._promised = 0.0

    async def reserve(self, cost: float) -> None:
        if self.spent + self._promised + cost > self.drips:
            raise BudgetSpentError(f"the budget of {self.drips:g} drips is spent")
        self._promised += cost
        await super().reserve(cost)

    def settle(self, reserved: float, headers: httpx.Headers) -> float:
        self._promised -= reserved
        return super().settle(reserved, headers)


@dataclass(frozen=True)
class Answer:
    """What came back: rows where it is a list, whatever its shape."""

    response: httpx.Response
    body: Any
    collection: str

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def headers(self) -> httpx.Headers:
        return self.response.headers

    @property
    def is_served(self) -> bool:
        return self.status < 300

    @property
    def is_refused(self) -> bool:
        """Whether the API does not accept the question; a missing right (403) is another matter."""
        return self.status in {400, 422}

    @property
    def rows(self) -> list[dict[str, Any]]:
        found = self.body.get(self.collection) if isinstance(self.body, dict) else None
        rows = found if isinstance(found, list) else [found]
        return [row for row in rows if isinstance(row, dict)]

    @property
    def attributes(self) -> dict[str, Any]:
        found = self.body.get("@attributes") if isinstance(self.body, dict) else None
        return found if isinstance(found, dict) else {}

    @property
    def cost(self) -> float:
        """What the API says that it charged; zero where it does not say."""
        return number(self.headers.get("X-LS-Api-Request-Cost"))


@dataclass
class Asker:
    """Asks one account; what was asked is kept by names and numbers alone."""

    client: LightspeedClient
    progress: Callable[[str], None] = lambda _: None
    shapes: Shapes = field(default_factory=Shapes)
    asked: list[dict[str, Any]] = field(default_factory=list)
    limit: int = LIMIT
    """Rows a page, once it is known that fewer are served."""
    kept: dict[str, Answer] = field(default_factory=dict)
    """First answers of tables, for later questions."""

    async def page(
        self,
        collection: str,
        params: Mapping[str, str],
        *,
        relations: tuple[str, ...] = (),
        limit: int | None = None,
        under: str = "",
    ) -> Answer:
        """One page of *collection*; a refusal is an answer too. *under* is the rows' key where it is another."""
        query = dict(params)
        if "count" not in query:
            query["limit"] = str(limit or self.limit)
        if relations:
            query["load_relations"] = json.dumps(relations, separators=(",", ":"))
        cost = COUNT_COST if "count" in query else 1.0 + 0.4 * len(relations)
        path = f"/API/V3/Account/{self.client.account_id}/{collection}.json"
        return await self._ask(path, query, under or collection, cost)

    async def single(self, path: str, name: str) -> Answer:
        """One object that is no list."""
        answer = await self._ask(path, {}, name, 1.0)
        if answer.is_served:
            self.shapes.note(name, [answer.body])
        return answer

    async def _ask(self, path: str, params: Mapping[str, str], name: str, cost: float) -> Answer:
        self.progress(name)
        response = await self.client.answer(path, params, cost=cost)
        answer = Answer(response, _read(response), name)
        self.shapes.note(name, answer.rows)
        self.asked.append(
            {
                "asked": name,
                "parameters": sorted(params),
                "status": answer.status,
                "rows": len(answer.rows),
                "cost": answer.cost,
                "headers": sorted({header.lower() for header in answer.headers}),
                "keys": sorted(filter(NAME.fullmatch, answer.body)) if isinstance(answer.body, dict) else [],
            }
        )
        return answer


def _read(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
