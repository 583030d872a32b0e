"""What is kept of a connected Shopify store."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipelines.sources import tokens


@dataclass(frozen=True)
class Connection:
    """One connected store: with client id and secret for a token a day, or with an older app's token, which lasts."""

    account_id: int
    """The store's own number."""
    name: str
    shop: str
    """What stands before .myshopify.com."""
    access_token: str = field(default="", repr=False)
    expires_at: float | None = None
    """Epoch seconds by this machine's clock; None for a token that lasts."""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ()
    connected_at: str = ""
    lightspeed_account_id: int | None = None
    """The same retailer's Lightspeed account."""


class TokenStore(tokens.TokenStore[Connection]):
    """Connected Shopify stores."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Connection)
