"""The models: dbt builds and tests them on the work file; the only module that imports dbt."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

from pipelines.errors import TransformError
from pipelines.settings import DBT_PROJECT, OWN_SETTINGS, WORK_FILE, Settings

PARSED: dict[tuple[Path, str], Any] = {}
"""The dbt project, by its folder and variables: parsing takes longer than building a small warehouse."""
PARSING = threading.Lock()


def build(settings: Settings) -> None:
    """Build and test every model; TransformError names what failed. The mark of a tested build comes last."""
    tested_mark(settings).unlink(missing_ok=True)
    # Unit tests hold rules on made-up rows: they belong to the project's tests, not to a night.
    result = run_dbt(settings, "build", "--exclude-resource-type", "unit_test")
    failed = [_named(row.node) for row in result.result or () if row.status in {"error", "fail"}]
    if failed or result.exception:
        shown = ", ".join(failed) or str(result.exception)
        raise TransformError(
            f"{len(failed) or 1} of the models and tests failed, so nothing was published: {shown}; "
            f"the details are in {settings.logs_dir / 'dbt.log'}"
        )
    tested_mark(settings).touch()


def _named(node: Any) -> str:
    """A test whose description says what to do says it here too."""
    told = node.description if node.resource_type == "test" else ""
    return f"{node.name} ({told})" if told else str(node.name)


def run_dbt(settings: Settings, *words: str) -> Any:
    """What dbt answers to *words*, on the project as it was parsed once."""
    from dbt.cli.main import dbtRunner

    return _invoke(dbtRunner(parse(settings)), settings, *words)


def parse(settings: Settings) -> Any:
    """The project with the settings' variables; None where it cannot be parsed, which the next command tells."""
    from dbt.cli.main import dbtRunner

    project = (DBT_PROJECT, _variables(settings))
    with PARSING:
        if not PARSED.get(project):
            PARSED[project] = _invoke(dbtRunner(), settings, "parse").result
        return PARSED[project]


def _invoke(runner: Any, settings: Settings, *words: str) -> Any:
    os.environ[WORK_FILE] = str(settings.work_file.absolute())
    os.environ["DO_NOT_TRACK"] = "1"
    folders = {
        "--project-dir": DBT_PROJECT,
        "--profiles-dir": DBT_PROJECT,
        "--target-path": settings.tillhouse_data_dir.absolute() / "dbt",
        "--log-path": settings.logs_dir.absolute(),
        "--vars": _variables(settings),
    }
    arguments = [str(part) for pair in folders.items() for part in pair]
    try:
        return runner.invoke(["--quiet", "--log-level", "none", *words, *arguments])
    finally:
        _let_go_of_the_work_file()


def _variables(settings: Settings) -> str:
    own = {name: getattr(settings, f"tillhouse_{name}") for name in OWN_SETTINGS}
    return json.dumps({**settings.tillhouse_dbt_vars, **own})


def _let_go_of_the_work_file() -> None:
    """Close dbt's connections: dbt keeps them open, and with them the file's lock."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()


def parse_in_background(settings: Settings) -> threading.Thread:
    """Importing dbt and parsing the project take seconds and no network: that fits beside the extraction."""
    thread = threading.Thread(target=parse, args=(settings,), name="dbt parse", daemon=True)
    thread.start()
    return thread


def refuse_untested(settings: Settings) -> None:
    if not tested_mark(settings).exists():
        raise TransformError("the marts are not built and tested: run `tillhouse transform` first")


def tested_mark(settings: Settings) -> Path:
    return settings.tillhouse_data_dir / "marts.tested"
