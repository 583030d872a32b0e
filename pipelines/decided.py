"""What a person decided about the comparison with Lightspeed: differences accepted, proofs taken back.

Both are CSV files in `$TILLHOUSE_DATA_DIR/project/`, which a spreadsheet may edit.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines import durable, project_files, warehouse
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
    path, text = path_of(settings, seed), io.StringIO()
    writer = csv.DictWriter(text, list(seed.columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows([*rows(settings, seed), *added])
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write(path, text.getvalue().encode())
    return path


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
