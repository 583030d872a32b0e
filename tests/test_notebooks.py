"""What analysts open works on a published file, and is kept without anybody's figures in it."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
import yaml
from click.testing import CliRunner
from nbclient import NotebookClient
from nbformat import NotebookNode

from pipelines.cli import main
from pipelines.settings import DBT_PROJECT
from tests.conftest import Retail

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
REVIEWS = sorted(NOTEBOOKS.glob("*.ipynb"))
QUESTIONS = sorted((NOTEBOOKS / "sql").glob("*.sql"))


@pytest.fixture(autouse=True)
def _closed_log() -> Iterator[None]:
    """Each command opens the log of its data directory; a process that goes on must let go of it."""
    yield
    for handler in logging.getLogger("tillhouse").handlers:
        handler.close()


@pytest.mark.parametrize("path", REVIEWS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path: Path, traded: Retail, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_runs(path, traded, monkeypatch)


def assert_runs(path: Path, made: Retail, monkeypatch: pytest.MonkeyPatch, *more: str) -> NotebookNode:
    """Its last cell asserts that the ledger is the marts' totals; *more* cells run after it."""
    monkeypatch.setenv("TILLHOUSE_DATA_DIR", str(made.settings.tillhouse_data_dir))
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(path, as_version=4)
    assert "assert ledger == mart" in notebook.cells[-1].source
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in more]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the kernel's own packages warn of their own affairs
        NotebookClient(notebook, timeout=120).execute()

    assert notebook.cells[-1].outputs
    return notebook


@pytest.mark.parametrize("path", REVIEWS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]

    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


def test_each_notebook_and_question_is_an_exposure_of_the_marts_that_it_reads() -> None:
    """Whoever changes a mart sees in the dictionary who reads it."""
    models = DBT_PROJECT / "models"
    marts = {path.stem for path in (models / "marts").glob("*.sql")}
    told = yaml.safe_load((models / "exposures.yml").read_text(encoding="utf-8"))["exposures"]
    exposed = {one["url"]: {ref.split("'")[1] for ref in one["depends_on"]} for one in told}

    for path in (*REVIEWS, *QUESTIONS):
        words = set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
        assert exposed[path.relative_to(NOTEBOOKS.parent).as_posix()] == marts & words, path.name
    assert [url for url in exposed if not (NOTEBOOKS.parent / url).exists()] == []
    assert len(QUESTIONS) >= 10


def test_a_question_is_told_in_the_dictionary_as_it_is_asked() -> None:
    told = yaml.safe_load((DBT_PROJECT / "models" / "exposures.yml").read_text(encoding="utf-8"))["exposures"]

    asked = {path.relative_to(NOTEBOOKS.parent).as_posix(): question_of(path) for path in QUESTIONS}

    assert {one["url"]: one["description"] for one in told if one["url"] in asked} == asked
    assert all(question.endswith("?") for question in asked.values())


def question_of(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].removeprefix("-- ")


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda path: path.stem)
def test_a_question_has_an_answer(path: Path, traded: Retail) -> None:
    assert_has_an_answer(path, traded)


def assert_has_an_answer(path: Path, made: Retail) -> None:
    folder = str(made.settings.tillhouse_data_dir)
    result = CliRunner().invoke(main, ["--data-dir", folder, "query", "--file", str(path), "-o", "json"])

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)


def test_the_average_ticket_is_its_units_at_their_average_price(traded: Retail) -> None:
    """Within what rounding each of the three to the cent allows."""
    sql = (NOTEBOOKS / "sql" / "average_ticket_and_units.sql").read_text(encoding="utf-8")

    rows = traded.query(f"set schema = 'marts'; {sql}")

    assert len(rows) == 5
    for _, _, ticket, units, price in rows:
        assert abs(float(ticket) - float(units) * float(price)) <= 0.005 * (1 + float(units) + float(price))
