"""Ctrl-C and SIGTERM: a run stops within seconds at a safe place, and says what is kept.

Every place is safe: the next run goes on behind one that was killed anywhere. So whatever does not end by itself within
GRACE seconds of the signal ends with the process.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Protocol

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 5.0
"""Seconds from the first signal to the end; more signals meanwhile change nothing."""

KEPT = (
    "what was fetched is kept, the published file is whole, and the next run goes on from there (`tillhouse run` again)"
)


class Stopped(KeyboardInterrupt):
    """The user, or the machine that shuts down, wants the run to end; dlt and dbt know it for a Ctrl-C."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """As a shell reports it: 130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + self.signum


class Interruptible(Protocol):
    """A connection of DuckDB's, which is imported late."""

    def interrupt(self) -> None: ...


class _State:
    """The process's own: signals are."""

    signum: int | None = None
    is_raised = False
    connections: set[Interruptible] = set()  # noqa: RUF012 - one a process
    lock = threading.Lock()


@contextmanager
def interruptible(connection: Interruptible) -> Iterator[None]:
    """A signal ends what *connection* is doing, even in a thread that is within DuckDB."""
    with _State.lock:
        _State.connections.add(connection)
    try:
        yield
    finally:
        with _State.lock:
            _State.connections.discard(connection)


def check() -> None:
    """Raise Stopped if a signal came: a library may have taken the one that was raised for a failure of its own."""
    if _State.signum is not None:
        raise Stopped(_State.signum)


def told(error: KeyboardInterrupt) -> Stopped:
    """*error* as ours: dlt has one of its own, which knows the signal, and Python has one for Ctrl-C."""
    return error if isinstance(error, Stopped) else Stopped(getattr(error, "signal_code", signal.SIGINT))


@contextmanager
def stoppable(tell: Callable[[str], None]) -> Iterator[None]:
    """Within this context a signal raises Stopped in the main thread and calls *tell* at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _State.signum, _State.is_raised = None, False
    reading, writing = socket.socketpair()
    writing.settimeout(0)
    handlers = {one: signal.signal(one, _raise) for one in SIGNALS}
    before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(reading, tell), name="signals", daemon=True)
    watcher.start()
    try:
        yield
        check()
    except KeyboardInterrupt as error:
        raise told(error) from error
    finally:
        signal.set_wakeup_fd(before)
        for one, handler in handlers.items():
            # Only the first signal counts: a second one would break the last steps.
            signal.signal(one, handler if _State.signum is None else signal.SIG_IGN)
        writing.close()
        watcher.join()
        reading.close()
        _State.signum = None


def _raise(signum: int, _: FrameType | None) -> None:
    """Once: a second signal must not break what the first one has begun to tidy up."""
    if not _State.is_raised:
        _State.signum, _State.is_raised = signum, True
        raise Stopped(signum)


def _watch(reading: socket.socket, tell: Callable[[str], None]) -> None:
    """In a thread of its own: the main one may be within DuckDB, and dlt takes a first signal for itself."""
    deadline: threading.Timer | None = None
    while received := reading.recv(1):
        if received[0] not in SIGNALS or deadline:
            continue
        _State.signum = received[0]
        deadline = threading.Timer(GRACE, _end, (received[0],))
        deadline.daemon = True
        deadline.start()
        tell(f"stopping: {KEPT}")
        _interrupt()
    if deadline:
        deadline.cancel()


def _interrupt() -> None:
    with _State.lock:
        for connection in _State.connections:
            with suppress(Exception):
                connection.interrupt()


def _end(signum: Any) -> None:
    """The next run writes down that this one was killed, and goes on behind it."""
    with suppress(Exception):
        sys.stderr.flush()
    os._exit(128 + signum)
