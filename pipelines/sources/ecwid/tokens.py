"""What is kept of a connected E-Series store."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipelines.sources import tokens


@dataclass(frozen=True)
class Connection:
    """One connected store; its secret token lasts until it is revoked."""

    account_id: int
    """The store's own number."""
    name: str
    access_token: str = field(default="", repr=False)
    expires_at: float | None = None
    connected_at: str = ""
    lightspeed_account_id: int | None = None
    """The same retailer's Lightspeed account."""


class TokenStore(tokens.TokenStore[Connection]):
    """Connected E-Series stores."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Connection)
