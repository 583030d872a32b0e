"""The zone that a shop was in at a moment: a shop that moves keeps the dates of what it has sold."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.sandbox.store import Record, Store

_LEFT = "_leftZones"
"""In a shop's record, which the API does not show: the zones that it left, each with when."""


def move(store: Store, account_id: int, shop_id: int, zone: str, at: datetime) -> None:
    """Put a shop into *zone* from *at* on."""
    shop = store.get(account_id, "Shop", shop_id)
    assert shop
    left = {"until": at, "timeZone": shop["timeZone"]}
    store.put(account_id, "Shop", [shop | {"timeZone": zone, "timeStamp": at, _LEFT: [*_left(shop), left]}])


class Zones:
    """The zones of one account's shops."""

    def __init__(self, store: Store, account_id: int) -> None:
        self._shops = {shop["shopID"]: shop for shop in store.all(account_id, "Shop")}

    def local(self, shop_id: Any, moment: Any) -> datetime:
        """*moment* on the clock that the shop had then."""
        assert isinstance(moment, datetime)
        shop = self._shops[shop_id]
        left = (str(zone["timeZone"]) for zone in _left(shop) if moment < zone["until"])
        return moment.astimezone(ZoneInfo(next(left, str(shop["timeZone"]))))

    def day(self, shop_id: Any, moment: Any) -> str:
        return self.local(shop_id, moment).date().isoformat()


def _left(shop: Record) -> list[Any]:
    left = shop.get(_LEFT, [])
    assert isinstance(left, list)
    return left
