"""One night over every vendor with an odd row of each class: published without them, each named, none lost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from pipelines import run
from pipelines.demo import compare
from pipelines.run import Options, Outcome, Report
from pipelines.sandbox import truth
from pipelines.sandbox.world import Plan
from tests.conftest import Retail, retail

ACCOUNT, SHOPIFY, ECWID = 120001, 61000001, 71000001
Bend = Callable[[bytes], bytes]


def replaced(pattern: bytes, by: bytes) -> Bend:
    def bend(row: bytes) -> bytes:
        bent, times = re.subn(pattern, lambda _: by, row, count=1)
        assert times == 1, (pattern, row)
        return bent

    return bend


LISTED: dict[str, Bend] = {
    "a key twice in the header": replaced(rb"^\{", b'{"referenceNumber":"twice",'),
    "a key twice in a line": replaced(rb'"unitPrice":', b'"unitPrice":"99","unitPrice":'),
    "bytes that are no UTF-8": replaced(rb'"referenceNumber":"', b'"referenceNumber":"caf\xe9'),
    "a lone surrogate": replaced(rb'"referenceNumber":"', b'"referenceNumber":"\\ud83d'),
}
"""Rows of a sale that land, with what of them is not as it came listed."""

HELD: dict[str, tuple[Bend, str]] = {
    "empty": (replaced(rb'"calcTotal":"[^"]*"', b'"calcTotal":""'), "missing"),
    "null": (replaced(rb'"shopID":"[^"]*"', b'"shopID":null'), "missing"),
    "absent": (replaced(rb'"completed":"[^"]*",', b""), "completed is missing"),
    "junk": (replaced(rb'"calcTax1":"[^"]*"', b'"calcTax1":"one"'), "calcTax1"),
    "unreadable child": (replaced(rb'"unitQuantity":"[^"]*"', b'"unitQuantity":"ten"'), "unitQuantity of SaleLine"),
    "unreadable": (replaced(rb'"referenceNumber":"', b'"referenceNumber":"\\x'), "it is not JSON"),
}
"""Rows of a sale that are held, and what their reason says."""


@dataclass
class Bent(httpx.AsyncBaseTransport):
    """The sandbox, with rows of its answers bent on the way."""

    inner: httpx.AsyncBaseTransport
    sales: Mapping[str, Bend] = field(default_factory=dict)
    """By saleID, of one account."""
    orders: Mapping[str, Bend] = field(default_factory=dict)
    """By the number of an online order."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        body = await response.aread()
        if request.url.path.endswith(f"/{ACCOUNT}/Sale.json") and self.sales:
            body = bent(body, "Sale", "saleID", self.sales)
        elif "harbor" in request.url.path or f"/{ECWID}/orders" in request.url.path:
            body = bent(body, "nodes" if "graphql" in request.url.path else "items", "name|id", self.orders)
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        return httpx.Response(response.status_code, content=body, headers=headers)


def bent(body: bytes, key: str, name: str, bends: Mapping[str, Bend]) -> bytes:
    """*body* with the rows under *key* bent whose *name* is one of *bends*."""
    answer = json.loads(body)
    holder = (answer.get("data") or {}).get("orders") if key == "nodes" else answer
    if not holder or not (found := holder.get(key)):
        return body
    rows = found if isinstance(found, list) else [found]
    texts = []
    for row in rows:
        text = json.dumps(row, separators=(",", ":")).encode()
        bend = next((bends[str(row[one])] for one in name.split("|") if str(row.get(one)) in bends), None)
        texts.append(bend(text) if bend else text)
    holder[key] = "@rows@"
    return json.dumps(answer).encode().replace(b'"@rows@"', b"[" + b",".join(texts) + b"]")


def completed_sales(made: Retail, number: int) -> list[str]:
    """Completed sales with lines, spread over the pages so that no page has many of one kind."""
    found = [
        str(sale["saleID"])
        for sale in made.store.all(ACCOUNT, "Sale")
        if sale["completed"] and not sale["voided"] and not sale["archived"] and sale["referenceNumber"] is not None
        if list(made.store.all(ACCOUNT, "SaleLine", saleID=int(str(sale["saleID"]))))
    ]
    return found[:: max(1, len(found) // number)][:number]


def night(made: Retail, transport: Bent) -> Outcome:
    return run.night(made.settings, Options(transport=transport), Report())


def held(made: Retail) -> dict[tuple[str, str], str]:
    rows = made.query("select source, held_id, reason from marts.held_rows")
    return {(source, name): reason for source, name, reason in rows}


@pytest.mark.long
def test_odd_rows_of_every_class_cost_the_night_nothing_but_themselves(tmp_path: Path) -> None:
    made = retail(tmp_path / "data", Plan(sales=1_500, days=30), online=True)
    names = completed_sales(made, len(LISTED) + len(HELD))
    kinds = dict(zip(names, (*LISTED, *HELD), strict=True))
    shopify = made.sandbox.online.shopify("harbor-pine")
    ecwid = made.sandbox.online.ecwid(ECWID)
    assert shopify
    assert ecwid
    first, second = [str(order["name"]) for order in shopify.store.orders.values()][10:12]
    third, fourth = [str(order["id"]) for order in ecwid.store.orders][1:3]
    transport = Bent(
        made.transport,
        sales={name: LISTED[kind] if kind in LISTED else HELD[kind][0] for name, kind in kinds.items()},
        orders={
            first: replaced(rb'"transactions":\[', b'"transactions":null,"was":['),
            second: replaced(rb'"name":"', b'"name":"\\x'),
            third: replaced(rb'"refunds":', b'"was":'),
            fourth: replaced(rb'"internalId":', b'"was":'),
        },
    )

    outcome = night(made, transport)

    assert outcome.published
    assert outcome.record.status == "partial"
    assert {concern.kind for concern in outcome.concerns} == {"held"}
    found = held(made)
    expected = {("lightspeed", name): HELD[kind][1] for name, kind in kinds.items() if kind in HELD}
    assert {place: reason for place, reason in found.items() if place[0] == "lightspeed"}.keys() == expected.keys()
    assert [place for place, reason in expected.items() if reason not in found[place]] == []
    online = sorted(
        (source, reason.partition(" (")[0]) for (source, _), reason in found.items() if source != "lightspeed"
    )
    assert online == [
        ("ecwid", "internalId is missing"),
        ("ecwid", "refunds is missing"),
        ("shopify", "it is not JSON"),
        ("shopify", "transactions is missing"),
    ]
    listed = {str(row["record_id"]) for row in made.table("raw_lightspeed.rejected_value")}
    assert {name for name, kind in kinds.items() if kind in LISTED} <= listed
    assert all(name in outcome.record.message or "more" in outcome.record.message for _, name in found)

    before = {name: made.table(f"raw_{name}.held_row") for name in ("lightspeed", "shopify", "ecwid")}
    run.replay(made.settings, Report())
    assert {name: made.table(f"raw_{name}.held_row") for name in before} == before

    mended = night(made, Bent(made.transport))

    assert (mended.record.status, mended.concerns) == ("ok", ())
    assert held(made) == {}
    compared, differences = compare(
        made.settings, [{name: str(value) for name, value in row.items()} for row in truth.daily_totals(made.store)]
    )
    assert (compared > 500, differences) == (True, [])
    assert made.query("select count(*) from marts.revenue_by_location_daily where not is_complete") == [(0,)]
