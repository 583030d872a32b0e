"""What a run shows while it goes on: bars on a terminal, nothing elsewhere (the log has it)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pipelines.extraction import Tally
from pipelines.run import Report

STEPS = {
    "extract": "reading what changed",
    "load": "loading a slice into DuckDB",
    "transform": "building and testing the marts",
    "reconcile": "comparing with Lightspeed's own totals",
    "publish": "publishing",
}


@contextmanager
def showing(console: Console) -> Iterator[Report]:
    """A report that draws the step and a line an account on *console*."""
    if not console.is_terminal:
        said: set[str] = set()

        def say(step: str) -> None:
            if step not in said:
                console.print(f"{STEPS[step]} …")
            said.add(step)

        yield Report(step=say)
        return
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
    ) as bars:
        step_bar = bars.add_task("starting")
        rows: dict[int, dict[str, int]] = {}
        account_bars: dict[int, int] = {}

        def tally(latest: Tally) -> None:
            rows.setdefault(latest.account_id, {})[latest.table] = latest.rows
            if latest.account_id not in account_bars:
                account_bars[latest.account_id] = int(bars.add_task(""))
            seen = rows[latest.account_id]
            text = (
                f"  account {latest.account_id}: {sum(seen.values()):,} rows of {len(seen)} tables, now {latest.table}"
            )
            bars.update(account_bars[latest.account_id], description=text)  # type: ignore[arg-type]

        yield Report(tally=tally, step=lambda step: bars.update(step_bar, description=STEPS[step]))
