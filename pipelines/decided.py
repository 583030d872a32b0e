"""Decisions of a person about the reconciliation: accepted differences and revoked proofs.

Both are CSV files in `$TILLHOUSE_DATA_DIR/project/`, which a spreadsheet may edit.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines import project_files, warehouse
from pipelines.project_files import Row, Seed
from pipelines.settings import Settings

KEY = ("account_id", "shop_id", "business_date", "measure", "detail_id", "difference")

ACCEPTED = Seed(
    "accepted_differences",
    {
        "account_id": "bigint",
        "shop_id": "bigint",
        "business_date": "date",
        "measure": "varchar",
        "detail_id": "bigint",
        "difference": "decimal(18, 4)",
        "reason": "varchar",
        "accepted_at": "varchar",
    },
    required=frozenset([*KEY, "reason"]),
)
UNPROVEN = Seed(
    "unproven_accounts",
    {"account_id": "bigint", "unproven_at": "varchar"},
    required=frozenset(["account_id", "unproven_at"]),
)


def path_of(settings: Settings, seed: Seed) -> Path:
    """Return where a person's decisions of the kind are kept."""
    return settings.project_dir / f"{seed.name}.csv"


def rows(settings: Settings, seed: Seed) -> list[Row]:
    """Return the decisions of the kind. Raises SettingsError where the file cannot be read."""
    path = path_of(settings, seed)
    return project_files.read(path, seed) if path.exists() else []


def accept(settings: Settings, differences: Iterable[dict[str, Any]], reason: str) -> Path:
    """Remember *differences*, each by its KEY, as accepted for *reason*."""
    at = _now()
    return _add(
        settings,
        ACCEPTED,
        [{**{name: str(one[name]) for name in KEY}, "reason": reason, "accepted_at": at} for one in differences],
    )


def unprove(settings: Settings, account_id: int) -> Path:
    """Take back every proof of *account_id* that is older than now."""
    return _add(settings, UNPROVEN, [{"account_id": str(account_id), "unproven_at": _now()}])


def hand_over(settings: Settings) -> None:
    """Put the decisions beside the raw rows, where the models read them."""
    accepted = [[row[name] for name in (*KEY, "reason")] for row in rows(settings, ACCEPTED)]
    unproven = [list(row.values()) for row in rows(settings, UNPROVEN)]
    warehouse.write_decisions(settings.work_file, accepted, unproven)


def _add(settings: Settings, seed: Seed, added: list[Row]) -> Path:
    path = path_of(settings, seed)
    project_files.write(path, seed, [*rows(settings, seed), *added])
    return path


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
