"""The token store: one file an account, readable by its owner alone, replaced whole or not at all."""

from __future__ import annotations

import math
import os
import secrets
import shlex
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec
from filelock import FileLock, Timeout

from pipelines.durable import sync_folder
from pipelines.errors import AuthError

SALT = "personal.salt"

LOCK_SECONDS = 60.0
"""A refresh takes a second; who waits longer for another's has lost it."""


AHEAD = 120.0
"""Seconds before its end at which a token is renewed."""


class Renewals:
    """When a token is due to be renewed ahead of its end, by what renewing it gave the last time.

    One that lives no longer than AHEAD, or that was given again as it was, is used until it has ended; one that had
    ended when it was given, until the API rejects it.
    """

    def __init__(self) -> None:
        self._token, self._due_at = "", 0.0

    def is_due(self, token: str, expires_at: float | None) -> bool:
        if expires_at is None:
            return False
        return time.time() >= (self._due_at if token == self._token else expires_at - AHEAD)

    def gave(self, token: str, expires_at: float | None) -> None:
        """Note what a renewal gave."""
        now, ends = time.time(), math.inf if expires_at is None else expires_at
        self._token = token
        self._due_at = next((due for due in (ends - AHEAD, ends) if due > now), math.inf)


class Connected(Protocol):
    """What every vendor's connection says of itself; its secrets stay out of every repr."""

    @property
    def account_id(self) -> int: ...


C = TypeVar("C", bound=Connected)


class TokenStore(Generic[C]):
    """Connections of one vendor, a dataclass *kind*, in *folder* (0700): one JSON file (0600) each."""

    def __init__(self, folder: Path, kind: type[C]) -> None:
        self.folder, self._kind = folder, kind

    def account_ids(self) -> list[int]:
        """Every connected account, whether its file can be used or not."""
        return sorted(int(path.stem) for path in self.folder.glob("*.json") if path.stem.isdigit())

    def accounts(self) -> list[C]:
        """Every connection, by account. Raises AuthError for a file that is damaged or open to others."""
        return [self.load(account_id) for account_id in self.account_ids()]

    def load(self, account_id: int) -> C:
        path = self._path(account_id)
        if not path.exists():
            raise AuthError(f"account {account_id} is not connected: run `tillhouse connect`")
        return self._read(path)

    def save(self, connection: C) -> None:
        """Replace the account's file durably: when this returns, a power cut cannot lose it."""
        private_folder(self.folder)
        path = self._path(connection.account_id)
        fresh = path.with_suffix(f".{os.getpid()}.new")
        _write_new(fresh, msgspec.json.encode(connection))
        fresh.replace(path)
        sync_folder(self.folder)

    @contextmanager
    def lock(self, account_id: int) -> Iterator[None]:
        """One refresher of an account at a time, across processes."""
        private_folder(self.folder)
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

    def _read(self, path: Path) -> C:
        if is_open_to_others(path):
            remedy = f"run `chmod 600 {_shell(path)}`"
            raise AuthError(f"{path} can be read by others, so its tokens are not used: {remedy}", remedy=remedy)
        for folder in (self.folder, self.folder.parent):
            if is_open_to_others(folder):
                remedy = f"run `chmod 700 {_shell(folder)}`"
                raise AuthError(f"{folder} is open to others, so its tokens are not used: {remedy}", remedy=remedy)
        try:
            connection = msgspec.json.decode(path.read_bytes(), type=self._kind)
        except (ValueError, msgspec.DecodeError):
            # Not chained: the parser's own words would quote the file.
            remedy = "delete it and run `tillhouse connect` again"
            raise AuthError(f"{path} is damaged: {remedy}", remedy=remedy) from None
        if str(connection.account_id) != path.stem:
            raise AuthError(
                f"{path} holds another account's tokens ({connection.account_id}): rename or delete it",
                remedy="rename or delete it",
            )
        return connection


def private_folder(folder: Path) -> None:
    """Make *folder* for its owner alone, and the one of all vendors that it stands in."""
    for one in (folder.parent, folder):
        one.mkdir(mode=0o700, parents=True, exist_ok=True)


def salt_of(folder: Path) -> bytes:
    """Made once and kept beside the tokens: whoever has it can test which hash a guessed address has."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / SALT
    if not path.exists():
        _write_new(path, secrets.token_hex(32).encode())
    if is_open_to_others(path):
        raise AuthError(f"{path} can be read by others, so nothing is hashed with it: run `chmod 600 {_shell(path)}`")
    if salt := path.read_bytes().strip():
        return salt
    raise AuthError(f"{path} is empty: restore it, or delete it for another, by which nothing hashed before is known")


def _write_new(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def is_open_to_others(path: Path) -> bool:
    return os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077 != 0


def _shell(path: Path) -> str:
    return shlex.quote(str(path))
