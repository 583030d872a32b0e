"""The token store: one file an account, readable by its owner alone, replaced whole or not at all."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.errors import AuthError

LOCK_SECONDS = 60.0
"""A refresh takes a second; who waits longer for another's has lost it."""


@dataclass(frozen=True)
class Connection:
    """One connected account; its secrets stay out of every repr."""

    account_id: int
    name: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    """Epoch seconds by this machine's clock; None where the token does not say."""
    client_id: str = ""
    scopes: tuple[str, ...] = ()
    connected_at: str = ""


class TokenStore:
    """Connections in *folder* (0700), one JSON file (0600) each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def account_ids(self) -> list[int]:
        """Every connected account, whether its file can be used or not."""
        return sorted(int(path.stem) for path in self.folder.glob("*.json") if path.stem.isdigit())

    def accounts(self) -> list[Connection]:
        """Every connection, by account. Raises AuthError for a file that is damaged or open to others."""
        return [self.load(account_id) for account_id in self.account_ids()]

    def load(self, account_id: int) -> Connection:
        path = self._path(account_id)
        if not path.exists():
            raise AuthError(f"account {account_id} is not connected: run `tillhouse connect`")
        return _read(path)

    def save(self, connection: Connection) -> None:
        """Replace the account's file durably: when this returns, a power cut cannot lose it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(connection.account_id)
        fresh = path.with_suffix(f".{os.getpid()}.new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(connection), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync_folder(self.folder)

    @contextmanager
    def lock(self, account_id: int) -> Iterator[None]:
        """One refresher of an account at a time, across processes."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with FileLock(self._path(account_id).with_suffix(".lock"), timeout=LOCK_SECONDS, thread_local=False):
                yield
        except Timeout:
            raise AuthError(
                f"account {account_id}: another process has been renewing its token for {LOCK_SECONDS:.0f} s; "
                "end that process and try again"
            ) from None

    def _path(self, account_id: int) -> Path:
        return self.folder / f"{account_id}.json"


def _read(path: Path) -> Connection:
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise AuthError(f"{path} can be read by others, so its tokens are not used: run `chmod 600 {path}`")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return Connection(**{**facts, "scopes": tuple(facts["scopes"])})
    except (ValueError, TypeError, KeyError):
        # Not chained: the parser's own words would quote the file.
        raise AuthError(f"{path} is damaged: delete it and run `tillhouse connect` again") from None


def _sync_folder(folder: Path) -> None:
    """A rename is durable once its folder is."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
