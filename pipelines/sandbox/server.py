"""The sandbox over HTTP, on this machine only."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from pipelines.sandbox.faults import Faulty

HOST = "127.0.0.1"


def bound(port: int) -> socket.socket:
    """A socket on the loopback that whoever is told of it may call at once; port 0 takes a free one."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, port))
    listening.listen()
    return listening


def url_of(listening: socket.socket) -> str:
    return f"http://{HOST}:{listening.getsockname()[1]}"


def serve(app: Starlette, listening: socket.socket) -> None:
    """Serve until the process is told to stop."""
    _server(app).run(sockets=[listening])


@contextmanager
def running(app: Starlette, port: int = 0) -> Iterator[str]:
    """The base URL of *app*, served by a thread while the block runs."""
    listening = bound(port)
    server = _server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="sandbox", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield url_of(listening)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()


def _server(app: Starlette) -> uvicorn.Server:
    # The app answers with the world's own date, not with this machine's. An idle connection is kept as proxies keep it.
    return uvicorn.Server(
        uvicorn.Config(
            Faulty(app),
            log_level="warning",
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_keep_alive=75,
        )
    )
