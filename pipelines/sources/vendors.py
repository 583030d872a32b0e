"""Every vendor that a night reads: a folder each, whose `source.py` has these four functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import httpx

from pipelines.extraction import Cursor, Extraction, Tally
from pipelines.landing import Landing, RawTable
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

    def extraction(
        self,
        settings: Settings,
        connections: Iterable[Any],
        landing: Landing,
        cursors: Mapping[str, Mapping[str, Cursor]],
        *,
        since: str | None,
        tables: tuple[str, ...],
        report: Callable[[Tally], None],
        transport: httpx.AsyncBaseTransport | None,
    ) -> Extraction:
        """Everything that *connections* are asked tonight; *tables* none for all of them."""
        ...


VENDORS: dict[str, Vendor] = {"lightspeed": lightspeed, "shopify": shopify, "ecwid": ecwid}
