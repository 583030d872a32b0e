"""Where a run can be killed: every request, every change of a file, every statement, found as a run passes them."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from pipelines import landing, publication, published, warehouse

Point = tuple[str, int]
"""A place, and which passing of it."""

MOVES = {
    "os.rename": (0, 2),
    "os.link": (0, 2),
    "os.symlink": (1, 2),
    "os.remove": (0, 1),
    "os.rmdir": (0, 1),
    "os.mkdir": (0, 2),
    "os.chmod": (0, 2),
}
"""Audit events that change a folder: where their path and the descriptor of its folder stand."""

WRITING = os.O_WRONLY | os.O_RDWR


class Points:
    """Counts the places that a run passes, and kills it at the chosen one: nothing of Python's runs after it."""

    def __init__(self, data_dir: Path, chosen: Point | None) -> None:
        self.passed: Counter[str] = Counter()
        self._root, self._chosen, self._lock = f"{data_dir}/", chosen, threading.Lock()

    def at(self, place: str) -> None:
        with self._lock:
            self.passed[place] += 1
            reached = (place, self.passed[place])
        if reached == self._chosen:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """From now on every place is seen, whoever passes it."""
        sys.addaudithook(self._audit)
        self._watch_files_that_open()
        self._watch_requests()
        self._watch_landing()
        self._watch_dlt()
        self._watch_dbt()
        self._watch_the_warehouse()

    def around(self, owner: Any, name: str, label: str = "") -> None:
        """Before and after each call of *name*."""
        original = getattr(owner, name)

        def watched(*args: Any, **named: Any) -> Any:
            self.at(f"before {label or name}")
            result = original(*args, **named)
            self.at(f"after {label or name}")
            return result

        setattr(owner, name, watched)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        """Each change of a file or folder of the run, just before it is made."""
        if event == "open" and isinstance(args[2], int) and args[2] & WRITING:
            self._before("open", args[0], -1)
        elif event in MOVES:
            path, folder = MOVES[event]
            self._before(event, args[path], args[folder])

    def _before(self, event: str, path: Any, folder: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        name = os.fsdecode(path)
        if not name.startswith("/") and isinstance(folder, int) and folder > 0:
            name = f"{Path(f'/proc/self/fd/{folder}').readlink()}/{name}"
        if name.startswith(self._root):
            self.at(f"{event} {kind_of(name.removeprefix(self._root))}")

    def _watch_files_that_open(self) -> None:
        """A file that is open for writing, and has nothing in it yet."""
        original = io.open

        def opened(file: Any, mode: str = "r", *args: Any, **named: Any) -> Any:
            result = original(file, mode, *args, **named)
            if set(mode) & set("wax+") and str(file).startswith(self._root):
                self.at(f"opened {kind_of(str(file).removeprefix(self._root))}")
            return result

        import builtins

        builtins.open = opened
        io.open = opened

    def _watch_requests(self) -> None:
        original = httpx.AsyncClient.send

        async def send(client: httpx.AsyncClient, request: httpx.Request, **named: Any) -> httpx.Response:
            self.at("before request")
            response = await original(client, request, **named)
            self.at("answered")
            return response

        httpx.AsyncClient.send = send  # type: ignore[method-assign,assignment]

    def _watch_landing(self) -> None:
        self.around(landing.Landing, "keep", "landing")
        self.around(landing.Landing, "convert", "conversion")
        self.around(landing.Landing, "newest_copies")

    def _watch_dlt(self) -> None:
        from dlt.common.destination.client import RunnableLoadJob
        from dlt.destinations.impl.duckdb.duck import DuckDbClient
        from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient
        from dlt.pipeline.pipeline import Pipeline

        for step in ("extract", "normalize", "load", "sync_destination"):
            self.around(Pipeline, step)
        self.around(RunnableLoadJob, "run_managed", "load job")
        # The destination has what the job brought, and dlt has not noted it yet.
        self.around(RunnableLoadJob, "_release", "load job's end")
        self.around(DuckDbSqlClient, "execute_sql", "statement of dlt")
        for name in ("initialize_storage", "update_stored_schema", "complete_load"):
            self.around(DuckDbClient, name)

    def _watch_dbt(self) -> None:
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.task.base import BaseRunner

        self.around(BaseRunner, "compile_and_execute", "node")
        self.around(DuckDBConnectionManager, "add_query", "statement of dbt")

    def _watch_the_warehouse(self) -> None:
        for name in ("publish", "settle", "_publish_mart", "_tell_withheld", "_make_durable", "shut_log", "_adopt"):
            self.around(publication, name)
        for name in ("write_ledger", "write_stores", "write_decisions", "ensure_tables", "settle_held"):
            self.around(warehouse, name)
        self.around(published, "remember")
        self.around(warehouse.Ledger, "append", "ledger line")
        original, points = warehouse.opened, self

        @contextmanager
        def opened(path: Path, **asked: Any) -> Iterator[Any]:
            with original(path, **asked) as connection:
                yield _Watched(connection, points)

        warehouse.opened = opened


class _Watched:
    """A connection whose statements are places."""

    def __init__(self, connection: Any, points: Points) -> None:
        self._connection, self._points = connection, points

    def __getattr__(self, name: str) -> Callable[..., Any]:
        self._points.at(f"statement of ours: {name}")
        return getattr(self._connection, name)  # type: ignore[no-any-return]


ENDING = re.compile(r"\.(parquet|jsonl|sql|json|insert_values|gz|zst|pickle|msgpack|gpickle|csv|lock|new)\b")
NUMBERED = re.compile(r"\d|_jobs|pending|^dbt/")


def kind_of(path: str) -> str:
    """Files that differ by number, id, table or model only are of one kind."""
    folder, _, name = path.rpartition("/")
    short = re.sub(r"[0-9a-f]{8,}|\d+([.T]\d+)*(-#|-\d+)?", "#", folder)
    short = "/".join(short.split("/")[:2]) if short.startswith("dbt/") else short
    short = re.sub(r"^(landing/\w+/#)/\w+", r"\1/*", short)
    known = "".join(found.group() for found in ENDING.finditer(name))
    return f"{short}/{'*' + known if NUMBERED.search(path) else name}"
