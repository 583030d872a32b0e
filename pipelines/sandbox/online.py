"""The retailers' online stores, as they stand at the world's own time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from pipelines.sandbox import world
from pipelines.sandbox.catalogue import RETAILERS, Retailer
from pipelines.sandbox.ecwid import EcwidApi, EcwidKnobs
from pipelines.sandbox.ecwid_nodes import ecwid_store
from pipelines.sandbox.shopify import CLIENT_ID, CLIENT_SECRET, ShopifyApi, ShopifyKnobs
from pipelines.sandbox.shopify_nodes import shopify_store
from pipelines.sandbox.store import Store
from pipelines.sandbox.web_orders import WebOrder, deleted, web_orders


class OnlineStores:
    """What each store answers; its orders are worked out anew when a day has passed."""

    def __init__(
        self, store: Store, clock: Callable[[], float], shopify: ShopifyKnobs, ecwid: EcwidKnobs, *, speed: float
    ) -> None:
        self._store, self._clock = store, clock
        self._shopify = replace(shopify, speed=shopify.speed * speed)
        self._ecwid = replace(ecwid, speed=ecwid.speed * speed)
        self._shopify_apis: dict[str, ShopifyApi] = {}
        self._ecwid_apis: dict[int, EcwidApi] = {}
        self._told_at: dict[str | int, tuple[datetime, int]] = {}

    def shopify(self, name: str) -> ShopifyApi | None:
        """The API of the store of this name, or None where there is no such store."""
        retailer = next((retailer for retailer in RETAILERS if retailer.shopify[1] == name), None)
        if retailer is None:
            return None
        if self._is_a_new_day(name):
            now = world.now(self._store)
            told = shopify_store(retailer, self.orders(retailer, "shopify"), opened=world.opened(self._store), now=now)
            api = self._shopify_apis.setdefault(
                name, ShopifyApi(told, self._clock, lambda: world.now(self._store), self._shopify)
            )
            api.store = told
        return self._shopify_apis[name]

    def ecwid(self, store_id: int) -> EcwidApi | None:
        """The same of the E-Series store of this number."""
        retailer = next((retailer for retailer in RETAILERS if retailer.native_store == store_id), None)
        if retailer is None:
            return None
        if self._is_a_new_day(store_id):
            orders = self.orders(retailer, "ecwid")
            told = ecwid_store(retailer, orders, self._ecwid, now=world.now(self._store))
            self._ecwid_apis.setdefault(store_id, EcwidApi(told, self._clock, self._ecwid)).store = told
        return self._ecwid_apis[store_id]

    def _is_a_new_day(self, store: str | int) -> bool:
        now = world.now(self._store), len(deleted(self._store))
        is_new = self._told_at.get(store) != now
        self._told_at[store] = now
        return is_new

    def orders(self, retailer: Retailer, source: str) -> list[WebOrder]:
        plan = world.load(self._store).plan
        return web_orders(self._store, retailer, source, shown_incl=plan.subtotal_includes_tax)

    def connectable(self) -> list[dict[str, object]]:
        """What a demo needs to connect the stores: no real server would say this."""
        stores: list[dict[str, object]] = []
        for retailer in RETAILERS:
            given = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "account_id": retailer.account_id}
            stores.append({"source": "shopify", "store": retailer.shopify[1], **given})
            if retailer.native_store and (api := self.ecwid(retailer.native_store)):
                given = {"token": api.token, "account_id": retailer.account_id}
                stores.append({"source": "ecwid", "store": retailer.native_store, **given})
        return stores
