"""A sandbox over real HTTP, a driver that runs nights to kill, and what a clean run has to compare with."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from pipelines.sandbox.api import create_app
from pipelines.sandbox.knobs import Knobs
from pipelines.sandbox.server import running
from pipelines.sandbox.store import Store
from pipelines.sandbox.world import Plan, build
from pipelines.settings import Settings, read_settings
from pipelines.sources.lightspeed.source import token_store
from pipelines.sources.lightspeed.tokens import Connection
from tests.conftest import BOOKKEEPING, Retail
from tests.kills.points import Point

ROOT = Path(__file__).parents[2]
PLAN = Plan(sales=120, days=30)
KILLED = -9

TOLD_OF_A_RUN = BOOKKEEPING | {"rows", "run_id", "seen_at", "first_seen_at", "last_seen_at", "runs_seen"}
"""Columns that say what a run brought, not what the source has: `rows` is how many came with a field in one load."""

COUNTED_BY_LOADS = {
    "marts.data_quality": "replace (case when issue <> 'field without a column' then row_count end as row_count)"
}
"""Marts with a column that says in some rows how many came with one load."""

RUN_ID = re.compile(r"\d{8}T\d{6}\.\d{6}-\d+")

OF_RUNS = ("pipeline_runs", "pipeline_run_tables", "published_accounts")

Rows = dict[str, list[str]]


@dataclass
class Rig:
    """Runs steps in children of *driver* and keeps count of what became of them."""

    retail: Retail
    folder: Path
    driver: subprocess.Popen[str]
    slice_rows: int = 150
    batch_rows: int = 40
    seconds: list[float] = field(default_factory=list)
    """What each step took."""

    def settings(self, name: str) -> Settings:
        return self.retail.settings.model_copy(update={"tillhouse_data_dir": self.folder / name})

    def fresh(self, name: str, like: str | None = None) -> Retail:
        """A data directory: empty, or as another is now; its tokens are newly granted."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        if like:
            shutil.copytree(self.folder / like, self.folder / name, symlinks=True)
        made = Retail(self.retail.store, self.retail.app, self.settings(name), online=self.retail.online)
        self._connect(made)
        return made

    def step(self, name: str, step: str, kill: Point | None = None, found: Path | None = None) -> int:
        """The exit code of *step* in the data directory *name*; KILLED where it reached *kill*."""
        assert self.driver.stdin
        assert self.driver.stdout
        settings = self.settings(name)
        told = {key: _plain(value) for key, value in settings.model_dump().items()}
        order = {
            "settings": told,
            "step": step,
            "kill": kill,
            "found": found and str(found),
            "slice_rows": self.slice_rows,
            "batch_rows": self.batch_rows,
            "log": str(self.folder / "driver.log"),
        }
        self.driver.stdin.write(json.dumps(order) + "\n")
        self.driver.stdin.flush()
        answer = json.loads(self.driver.stdout.readline())
        self.seconds.append(answer["seconds"])
        return int(answer["code"])

    def places(self, like: str, step: str) -> dict[str, int]:
        """Every place that *step* passes in a copy of the data directory *like*, and how often."""
        found = self.folder / "found.json"
        self.fresh("found", like)
        assert self.step("found", step, found=found) == 0, self.log()
        passed: dict[str, int] = json.loads(found.read_text())
        return passed

    def beside(self, driver: subprocess.Popen[str]) -> Rig:
        """The same world with a driver of its own, so that two can run at once."""
        return replace(self, driver=driver, seconds=[])

    def log(self) -> str:
        return (self.folder / "driver.log").read_text()[-6_000:]

    def _connect(self, made: Retail) -> None:
        """One account by a refresh token whose access token has ended, so that each run starts by renewing it."""
        for place, account_id in enumerate(self.retail.store.accounts()):
            auth = self.retail.sandbox.auth
            token = auth.bearer(account_id)
            spent = {"refresh_token": auth.open_session(account_id).refresh_token, "expires_at": 1.0}
            connection = Connection(account_id, "A shop", token, **(spent if place == 0 else {}))  # type: ignore[arg-type]
            token_store(made.settings).save(connection)
        if made.online:
            made.connect_stores()


@contextmanager
def reading(file: Path) -> Iterator[dict[str, Any]]:
    """Somebody queries *file* while the block runs; what they saw is known after it."""
    command = [sys.executable, "-m", "tests.kills.reader", str(file)]
    seen: dict[str, Any] = {}
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield seen
        finally:
            said, _ = process.communicate("")
            seen.update(json.loads(said))


@contextmanager
def rig(folder: Path, *, online: bool = False, plan: Plan = PLAN, **knobs: Any) -> Iterator[Rig]:
    folder.mkdir(parents=True, exist_ok=True)
    store = Store()
    build(store, plan)
    app = create_app(store, Knobs(**{"speed": 10_000, "page_size": 20, "refreshes_a_minute": 10_000, **knobs}))
    with running(app) as url, driving(folder) as driver:
        settings = read_settings(
            tillhouse_data_dir=folder,
            lightspeed_api_url=url,
            lightspeed_auth_url=url,
            shopify_api_url=f"{url}/shopify/{{shop}}",
            ecwid_api_url=f"{url}/ecwid/api/v3",
            lightspeed_client_id="sandbox-client",
            lightspeed_client_secret="sandbox-secret",
        )
        yield Rig(Retail(store, app, settings, online), folder, driver)
    store.close()


@contextmanager
def driving(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with (folder / "driver.log").open("a") as log:
        command = [sys.executable, "-m", "tests.kills.driver"]
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
    with process:
        try:
            yield process
        finally:
            assert process.stdin
            process.stdin.close()


def raw_rows(made: Retail) -> Rows:
    """Every row of every raw table, without what says when it came."""
    return _rows(made.settings.work_file, "schema_name in ('raw_lightspeed', 'raw_shopify', 'raw_ecwid')")


def mart_rows(made: Retail) -> Rows:
    """Every row of every published mart; the runs themselves differ."""
    return _rows(made.settings.warehouse_file, f"schema_name = 'marts' and table_name not in {OF_RUNS}")


def debris(made: Retail) -> list[str]:
    """What an unfinished publication leaves beside the two files."""
    folder = made.settings.tillhouse_data_dir
    return sorted(path.name for path in folder.glob("*.duckdb.*") if path.stat().st_size or path.suffix == ".new")


def _rows(file: Path, which: str) -> Rows:
    with duckdb.connect(str(file), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        tables = con.execute(
            f"select schema_name || '.' || table_name from duckdb_tables() where {which} "
            "and table_name not like '\\_dlt%' escape '\\' order by all"
        ).fetchall()
        return {name: _told(con, name) for (name,) in tables}


def _told(con: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    result = con.execute(f"select * {COUNTED_BY_LOADS.get(name, '')} from {name}")
    kept = [place for place, column in enumerate(result.description or ()) if column[0] not in TOLD_OF_A_RUN]
    return sorted(RUN_ID.sub("a run", repr([row[place] for place in kept])) for row in result.fetchall())


def lost_and_doubled(clean: Rows, found: Rows) -> dict[str, tuple[int, int]]:
    """By table: rows of the clean run that are not there, and rows that should not be."""
    differences = {}
    for name in clean.keys() | found.keys():
        mine, theirs = list(found.get(name, [])), []
        for row in clean.get(name, []):
            if row in mine:
                mine.remove(row)
            else:
                theirs.append(row)
        if mine or theirs:
            differences[name] = (len(theirs), len(mine))
    return differences


def _plain(value: Any) -> Any:
    secret = getattr(value, "get_secret_value", None)
    return secret() if secret else value if isinstance(value, str | int | None) else str(value)
