"""Which accounts a built warehouse withholds, and why: the verdict that publication acts on."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipelines import durable
from pipelines.errors import TransformError


@dataclass(frozen=True)
class Fault:
    """A check or model that failed for one account; *account_id* is None where it belongs to no account."""

    account_id: int | None
    check: str
    detail: str
    """The fault, with shop, day, order and amounts where the check knows them."""
    is_difference: bool = False
    """Whether two amounts disagree: only such a fault may be published anyway."""
    places: int = 0
    """How many of shop, day and order the detail names. The most precise fault of an account comes first."""

    @property
    def sentence(self) -> str:
        return f"{self.check}: {self.detail}"


@dataclass(frozen=True)
class Verdict:
    """The faults of a build, and what it lacks."""

    faults: tuple[Fault, ...] = ()
    accounts: frozenset[int] = frozenset()
    """Every retailer whose rows were read."""
    left_out: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Accounts that the models were built without, by vendor."""
    unbuilt: frozenset[str] = frozenset()
    """Models that could not be built."""

    def withheld(self) -> dict[int, str]:
        """The reason by account: its most precise fault, doubled keys first, and how many more there are.

        A fault of no account is everyone's.
        """
        if of_none := self.of_no_account():
            return dict.fromkeys(sorted(self.accounts), of_none)
        reasons: dict[int, list[str]] = {}
        for fault in sorted(self.faults, key=lambda fault: (fault.is_difference, -fault.places, fault.check)):
            if fault.account_id is not None:
                reasons.setdefault(fault.account_id, []).append(fault.sentence)
        return {account_id: _counted(sentences) for account_id, sentences in reasons.items()}

    def stop(self) -> str:
        """Why nothing new is published: a fault of no account, or one of every account; '' if something is."""
        if of_none := self.of_no_account():
            return of_none
        withheld = self.withheld()
        if self.accounts and withheld.keys() >= self.accounts:
            told = [f"account {account_id}: {reason}" for account_id, reason in sorted(withheld.items())]
            return f"every account is withheld: {_counted(told)}"
        return ""

    def of_no_account(self) -> str:
        """The faults that belong to no account; '' where there is none."""
        sentences = [fault.sentence for fault in self.faults if fault.account_id is None]
        return _counted(sentences) if sentences else ""

    def without_differences(self) -> Verdict:
        """The verdict with the differences published anyway; a doubled key is never."""
        return Verdict(
            tuple(fault for fault in self.faults if not fault.is_difference), self.accounts, self.left_out, self.unbuilt
        )

    def write(self, path: Path) -> None:
        told = {
            "faults": [asdict(fault) for fault in self.faults],
            "accounts": sorted(self.accounts),
            "left_out": self.left_out,
            "unbuilt": sorted(self.unbuilt),
        }
        durable.write(path, json.dumps(told).encode())


def read_verdict(path: Path) -> Verdict:
    """The verdict that a build left at *path*; an empty file is a build without faults.

    Raises TransformError for a file that no build left so.
    """
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8") or "{}")
        return Verdict(
            tuple(Fault(**fault) for fault in told.get("faults", ())),
            frozenset(told.get("accounts", ())),
            {vendor: tuple(accounts) for vendor, accounts in told.get("left_out", {}).items()},
            frozenset(told.get("unbuilt", ())),
        )
    except (ValueError, TypeError, AttributeError):
        raise TransformError(f"{path} is damaged: run `tillhouse transform` again") from None


def _counted(sentences: Collection[str]) -> str:
    first, *others = sentences
    return f"{first} (and {len(others)} more)" if others else first
