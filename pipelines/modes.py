"""File modes: only the owner may read the data folder, whatever the umask (folders 0700, files 0600)."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

OTHERS = 0o077
READABLE = 0o066
"""Bits of group and others that show or change something; to pass through a folder (0711) shows none of its names."""

log = logging.getLogger("tillhouse")


class Umask:
    """The umask that the user's shell has; None while it is in force."""

    users: int | None = None


@contextmanager
def owner_only() -> Iterator[None]:
    """Whatever the process creates meanwhile is its owner's alone, by whichever library."""
    if Umask.users is not None:
        yield
        return
    Umask.users = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(Umask.users)
        Umask.users = None


def for_others(path: Path) -> None:
    """Give *path*, a file that the user asked for, the mode that any program would give it."""
    umask = os.umask(OTHERS)
    os.umask(umask)
    path.chmod(0o666 & ~(umask if Umask.users is None else Umask.users))


def tighten(folder: Path, published: Collection[Path]) -> None:
    """Close *folder* and what is in it to others, as an older version did not; the *published* files have a setting.

    What is closed already is not looked into. A folder that is not tillhouse's alone is left as it is: one that
    everybody writes to, the user's home, or one that holds the working directory.
    """
    if os.name != "posix" or not folder.is_dir():
        return
    try:
        if not _is_shared(folder):
            _close(folder)
        for path in folder.iterdir():
            if path not in published:
                _close_all(path)
    except PermissionError as error:
        log.warning("%s can be read by others, and its mode cannot be changed: %s", error.filename, error.strerror)


def _is_shared(folder: Path) -> bool:
    real = folder.resolve()
    return bool(real.stat().st_mode & stat.S_ISVTX) or any(
        place == real or real in place.parents for place in (Path.home(), Path.cwd())
    )


def _close_all(path: Path) -> None:
    if _close(path) and path.is_dir():
        for one in path.rglob("*"):
            _close(one)


def _close(path: Path) -> bool:
    """Whether *path* was open to others and is not any more; a link is not followed."""
    mode = stat.S_IMODE(path.lstat().st_mode)
    if path.is_symlink() or not mode & (READABLE if path.is_dir() else OTHERS):
        return False
    path.chmod(mode & ~OTHERS)
    return True
