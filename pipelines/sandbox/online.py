"""The retailers' online stores, as they stand at the world's own time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pipelines.sandbox import world
from pipelines.sandbox.catalogue import RETAILERS, Retailer
from pipelines.sandbox.shopify import CLIENT_ID, CLIENT_SECRET, ShopifyApi, ShopifyKnobs
from pipelines.sandbox.shopify_nodes import shopify_store
from pipelines.sandbox.store import Store
from pipelines.sandbox.web_orders import WebOrder, web_orders


class OnlineStores:
    """What each store answers; its orders are worked out anew when a day has passed."""

    def __init__(self, store: Store, clock: Callable[[], float], shopify: ShopifyKnobs) -> None:
        self._store, self._clock, self._knobs = store, clock, shopify
        self._apis: dict[str, ShopifyApi] = {}
        self._told_at: dict[str, datetime] = {}

    def shopify(self, name: str) -> ShopifyApi | None:
        """The API of the store of this name, or None where there is no such store."""
        retailer = next((retailer for retailer in RETAILERS if retailer.shopify[1] == name), None)
        if retailer is None:
            return None
        now = world.now(self._store)
        if self._told_at.get(name) != now:
            self._told_at[name] = now
            orders = self.orders(retailer, "shopify")
            told = shopify_store(retailer, orders, opened=world.opened(self._store), now=now)
            api = self._apis.setdefault(
                name, ShopifyApi(told, self._clock, lambda: world.now(self._store), self._knobs)
            )
            api.store = told
        return self._apis[name]

    def orders(self, retailer: Retailer, source: str) -> list[WebOrder]:
        plan = world.load(self._store).plan
        return web_orders(self._store, retailer, source, shown_incl=plan.subtotal_includes_tax)

    def connectable(self) -> list[dict[str, object]]:
        """What a demo needs to connect the stores: no real server would say this."""
        return [
            {
                "source": "shopify",
                "store": retailer.shopify[1],
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "account_id": retailer.account_id,
            }
            for retailer in RETAILERS
        ]
