"""Every vendor that a night reads: a folder each, whose `source.py` has these functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import httpx

from pipelines.extraction import Cursor, Extraction, Tally
from pipelines.landing import Landed, Landing, RawTable
from pipelines.privacy import Personal
from pipelines.settings import Settings
from pipelines.sources.ecwid import source as ecwid
from pipelines.sources.lightspeed import source as lightspeed
from pipelines.sources.shopify import source as shopify
from pipelines.sources.tokens import TokenStore


class Vendor(Protocol):
    """What a vendor's `source.py` offers; its raw tables stand in the schema raw_<vendor>."""

    def token_store(self, settings: Settings) -> TokenStore[Any]: ...

    def raw_tables(self) -> list[RawTable]: ...

    def selectable(self) -> tuple[str, ...]:
        """Tables that `--select` may name."""
        ...

    def personal(self) -> Mapping[str, Personal]:
        """What of the rows of each table is somebody's."""
        ...

    def land(self, landing: Landing, landed: Landed, table: str, raw: Sequence[bytes]) -> None:
        """Cast rows of *table* as they were kept, with their children, into *landed*: what replay needs of a vendor."""
        ...

    def extraction(
        self,
        settings: Settings,
        connections: Iterable[Any],
        landing: Landing,
        cursors: Mapping[str, Mapping[str, Cursor]],
        *,
        since: str | None,
        between: tuple[datetime, datetime] | None,
        tables: tuple[str, ...],
        report: Callable[[Tally], None],
        transport: httpx.AsyncBaseTransport | None,
    ) -> Extraction:
        """Everything that *connections* are asked tonight; *tables* none for all of them.

        With *between* instead only the sales of that time, whatever the cursors say, and no cursor moves.
        """
        ...


VENDORS: dict[str, Vendor] = {"lightspeed": lightspeed, "shopify": shopify, "ecwid": ecwid}
