"""`tillhouse sandbox`: a world from a file or made now, served until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipelines.sandbox.api import create_app
from pipelines.sandbox.knobs import Knobs
from pipelines.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from pipelines.sandbox.server import bound, serve, url_of
from pipelines.sandbox.store import Store
from pipelines.sandbox.world import Plan, build, is_built


def serve_world(*, port: int, path: Path | None, plan: Plan, speed: float, announce: Callable[[str], None]) -> None:
    """Serve the world in *path* (made by *plan* where it is empty) and announce where, and how to connect."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
    store = Store(path)
    if not is_built(store):
        announce(f"making a world of about {plan.sales:,} sales …")
        build(store, plan)
    listening = bound(port)
    url = url_of(listening)
    announce(f"sandbox: {url}")
    announce(f"LIGHTSPEED_API_URL={url} LIGHTSPEED_AUTH_URL={url}")
    announce(f"LIGHTSPEED_CLIENT_ID={CLIENT_ID} LIGHTSPEED_CLIENT_SECRET={CLIENT_SECRET}")
    announce(f"accounts and tokens: {url}/sandbox/accounts.json; Ctrl-C ends it")
    serve(create_app(store, Knobs(speed=speed)), listening)
