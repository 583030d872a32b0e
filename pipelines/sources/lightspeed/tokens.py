"""What is kept of a connected Lightspeed account."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipelines.sources import tokens


@dataclass(frozen=True)
class Connection:
    """One connected account; its secrets stay out of every repr."""

    account_id: int
    name: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    """Epoch seconds by this machine's clock; None where the token does not say."""
    client_id: str = ""
    scopes: tuple[str, ...] = ()
    connected_at: str = ""


class TokenStore(tokens.TokenStore[Connection]):
    """Connected Lightspeed accounts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Connection)
