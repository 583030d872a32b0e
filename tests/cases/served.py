"""A retailer after a first night behind a real server, and `tillhouse` as a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.sandbox.api import create_app
from pipelines.sandbox.knobs import Knobs
from pipelines.sandbox.server import running
from pipelines.sandbox.store import Store
from pipelines.sandbox.world import Plan, build, now
from pipelines.settings import read_settings
from tests.conftest import OF_TESTS, Retail
from tests.kills.rig import Rows, mart_rows, raw_rows

CANARY = "Canaryfirst"
"""A customer's name, which must reach neither a terminal nor a log."""

PLAN = Plan(sales=60, days=20)


@dataclass
class Served:
    """*retail*'s folder is as its first night left it; the next day has been traded and is not read yet."""

    retail: Retail
    url: str

    @property
    def folder(self) -> Path:
        return self.retail.settings.tillhouse_data_dir

    def copy(self, folder: Path) -> Path:
        """The data folder as a copy in *folder*."""
        return Path(shutil.copytree(self.folder, folder, symlinks=True))

    def start(self, folder: Path, *words: str, **others: str) -> subprocess.Popen[str]:
        """Begin a command on the data in *folder*; *others* are of the environment."""
        secret = self.retail.settings.lightspeed_client_secret.get_secret_value()
        environment = {
            **{name: value for name, value in os.environ.items() if "PROXY" not in name.upper()},
            **{name.upper(): str(value) for name, value in OF_TESTS.items()},
            "LIGHTSPEED_API_URL": self.url,
            "LIGHTSPEED_AUTH_URL": self.url,
            "LIGHTSPEED_CLIENT_ID": self.retail.settings.lightspeed_client_id,
            "LIGHTSPEED_CLIENT_SECRET": secret,
            "COLUMNS": "300",
            **others,
        }
        command = [sys.executable, "-m", "pipelines.cli", "--data-dir", str(folder), *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True)

    def typed(self, folder: Path, *words: str, **others: str) -> tuple[int, str, str]:
        """(exit code, stdout, stderr) of a command."""
        with self.start(folder, *words, **others) as process:
            shown, said = process.communicate(timeout=300)
            return process.returncode, shown, said

    def at(self, folder: Path) -> Retail:
        return replace(self.retail, settings=self.retail.settings.model_copy(update={"tillhouse_data_dir": folder}))

    def truth(self, folder: Path) -> tuple[Rows, Rows]:
        """Every row, raw and published, of an undisturbed second night in *folder*."""
        clean = self.copy(folder)
        code, _, said = self.typed(clean, "run")
        assert code == 0, said
        return self.rows(clean)

    def rows(self, folder: Path) -> tuple[Rows, Rows]:
        made = self.at(folder)
        return raw_rows(made), mart_rows(made)


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    store = Store()
    build(store, PLAN)
    app = create_app(store, Knobs(speed=10_000))
    with running(app) as url:
        settings = read_settings(
            tillhouse_data_dir=folder,
            lightspeed_api_url=url,
            lightspeed_auth_url=url,
            lightspeed_client_id="sandbox-client",
            lightspeed_client_secret="sandbox-secret",
            **OF_TESTS,
        )
        made = Retail(store, app, settings)
        made.connect()
        made.night()
        made.tomorrow()
        account, *_ = store.accounts()
        customer = store.get(account, "Customer", 12)
        assert customer
        store.put(account, "Customer", [customer | {"firstName": CANARY, "timeStamp": now(store)}])
        yield Served(made, url)
    store.close()


def sentences(said: str) -> list[str]:
    """The lines of standard error that are no progress."""
    return [line for line in said.splitlines() if not line.endswith("…")]


def traces(folder: Path) -> str:
    """All that is logged in the data folder."""
    return "".join(path.read_text(errors="replace") for path in (folder / "logs").rglob("*") if path.is_file())


def debris(folder: Path) -> list[str]:
    """What an unfinished publication leaves; DuckDB's own log of the work file is none."""
    expected = {"warehouse.duckdb.wal", "work.duckdb.wal"}
    return sorted(path.name for path in folder.glob("*.duckdb.*") if path.name not in expected)
