"""Whole nights of accounts whose reports mean something else, and one with an error after the proof."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from pipelines.run import Outcome
from pipelines.sandbox.knobs import Knobs
from pipelines.sandbox.reports import Wrong
from pipelines.sandbox.world import Plan
from tests.cases.variants import VARIANTS
from tests.conftest import Retail, retail
from tests.test_cli import typed
from tests.test_reconciling import asked_by, assert_nothing_twice

pytestmark = pytest.mark.long

CLASSES = {"line half_even": "match", "a zone of no shop": "not_proven", "payments never": "not_reported"}
"""A variant of each class: an exact reading, a meaning that is none, and a report that is always empty."""


@dataclass
class Night:
    """A first night and what it asked."""

    name: str
    made: Retail
    outcome: Outcome
    asked: list[str]
    statuses: dict[str, set[str]]
    standings: dict[str, set[str]]


@pytest.fixture(scope="module", params=CLASSES)
def night(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    name = request.param
    made = retail(
        tmp_path_factory.mktemp("night") / "data",
        Plan(sales=260, days=40),
        Knobs(speed=10_000, reports=VARIANTS[name].knobs),
    )
    outcome, asked = asked_by(made)
    found = Night(name, made, outcome, asked, {}, {})
    for row in made.table("marts.reconciliation_daily", published=True):
        found.statuses.setdefault(row["measure"], set()).add(row["status"])
    for row in made.table("marts.reconciliation_readings", published=True):
        if row["is_followed"]:
            found.standings.setdefault(row["measure"], set()).add(row["standing"])
    yield found
    made.store.close()


def published_exit(made: Retail) -> int:
    """How the command ends that publishes what was built: as the night does."""
    return typed(made.settings.tillhouse_data_dir, "publish").exit_code


def told(made: Retail) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(typed(made.settings.tillhouse_data_dir, "status", "--json").stdout)
    return found


def test_a_first_night_publishes_and_exits_with_0(night: Night) -> None:
    assert (night.outcome.record.status, night.outcome.concerns) == ("ok", ())
    assert night.outcome.published
    assert published_exit(night.made) == 0


def test_a_first_night_asks_for_nothing_twice(night: Night) -> None:
    assert_nothing_twice(night.asked)


def test_a_first_night_tells_the_class_of_each_measure(night: Night) -> None:
    unproven = {row["measure"] for row in told(night.made)["unproven"]}

    match CLASSES[night.name]:
        case "match":
            assert set.union(*night.statuses.values()) == {"match"}
            assert unproven == set()
        case "not_proven":
            assert night.standings["subtotal"] == {"not_proven"}
            assert unproven >= {"subtotal", "tax", "payments"}
        case _:
            assert night.statuses["payments"] == {"not_reported"}
            assert night.statuses["tax"] == {"match"}
            assert unproven == set()


@pytest.mark.parametrize("night", ["line half_even"], indirect=True)
def test_three_cents_after_the_proof_are_fetched_again_once_marked_and_named(night: Night) -> None:
    off = three_cents(night.made)
    night.made.sandbox.knobs.reports.wrong = (off,)
    marked, first = asked_by(night.made)
    following, second = asked_by(night.made)

    rows = night.made.table("marts.reconciliation_daily", published=True)
    [row] = [row for row in rows if row["status"] == "unexplained"]
    [concern] = following.concerns
    assert marked.record.status == following.record.status == "partial"
    assert published_exit(night.made) == 4
    assert row["source_amount"] - row["warehouse_amount"] == off.by
    assert f"account {off.account_id}, shop {off.shop_id}, {off.day}, " in concern.sentence
    assert f"{row['warehouse_amount']:.2f} here and {row['source_amount']:.2f} by Lightspeed" in concern.sentence
    assert len(fetched_again(first)) > len(fetched_again(second))


def three_cents(made: Retail) -> Wrong:
    """An error of the newest compared day on which a shop took one kind of payment."""
    [(account_id, shop_id, day)] = made.query(
        "select account_id, shop_id, business_date from marts.reconciliation_daily where measure = 'payments' "
        "group by all having count(*) = 1 and business_date < date '2026-02-28' order by business_date desc limit 1"
    )
    return Wrong("PaymentsByDay", account_id, shop_id, day, Decimal("0.03"))


def fetched_again(asked: list[str]) -> list[str]:
    """Questions for sales by the time of their completion."""
    return [path for path in asked if "Sale.json" in path and "completeTime=%3E%3C%2C" in path]
