"""A project that dbt cannot read: one sentence with file and reason, and the run is in pipeline_runs (case 30)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipelines import building, dictionary, publication, run, transformation, warehouse
from pipelines.cli import main
from pipelines.containment import Verdict
from pipelines.errors import TransformError
from pipelines.sandbox.world import Plan
from pipelines.settings import DBT_PROJECT, read_settings
from pipelines.warehouse import RunRecord
from tests.conftest import Retail, retail

MODEL = "models/marts/broken.sql"

BROKEN = {
    "sql": (MODEL, "select * from {{ ref('nowhere') }}\n", "nowhere"),
    "jinja": (MODEL, "select {{ 1 \n", "broken.sql"),
    "yaml": ("models/marts/broken.yml", "models:\n  - name: [\n", "broken.yml"),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the models' project, which dbt reads instead."""
    copy = Path(shutil.copytree(DBT_PROJECT, tmp_path / "project"))
    monkeypatch.setattr(transformation, "DBT_PROJECT", copy)
    monkeypatch.setattr(dictionary, "DBT_PROJECT", copy)
    return copy


def break_it(project: Path, kind: str) -> str:
    """What the sentence has to name."""
    place, text, named = BROKEN[kind]
    (project / place).write_text(text)
    return named


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (
            "Compilation Error\n  Model 'model.tillhouse.x' (models/marts/x.sql) depends on a node named 'y'",
            "Model 'model.tillhouse.x' (models/marts/x.sql) depends on a node named 'y'",
        ),
        (
            "Compilation Error in model x (models/marts/x.sql)\n  expected token 'end of print statement'",
            "models/marts/x.sql: expected token 'end of print statement'",
        ),
        (
            "Parsing Error\n  Error reading tillhouse: marts/x.yml - Runtime Error\n    Syntax error near line 3",
            "Error reading tillhouse: marts/x.yml - Runtime Error",
        ),
        ("Runtime Error\n  no profile", "no profile"),
    ],
)
def test_the_reason_names_the_file(message: str, sentence: str) -> None:
    assert transformation._project_reason(message) == sentence


def test_a_project_that_cannot_be_read_is_a_fault_of_no_account(project: Path, tmp_path: Path) -> None:
    """The published file tells of the run, and every other row of it is as it was."""
    settings = read_settings(tillhouse_data_dir=tmp_path / "data")
    settings.tillhouse_data_dir.mkdir()
    with warehouse.opened(settings.work_file) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.numbers as select 7 as a")
        listed = ", ".join(f"{name} {kind}" for name, kind in warehouse.LEDGER_COLUMNS.items())
        connection.execute(f"create table marts.pipeline_runs ({listed})")
        connection.execute("create table marts.held_rows as select 1 as a")
    before = publication.publish(settings, Verdict(), "", lambda _: None)
    with warehouse.opened(settings.work_file) as connection:
        connection.execute("update marts.held_rows set a = 2")  # By a build that was not published.
    named = break_it(project, "yaml")
    ended = RunRecord("20260301T061500.000000-1", "run", "2026-03-01T06:15:00+00:00", "failed", message="broken")

    verdict = building.build(settings)
    after = publication.publish(
        settings, verdict, ended.started_at, lambda connection: warehouse.tell_endings(connection, [ended])
    )

    assert (before, after) == (3, 3)
    assert verdict.stop().startswith("the models cannot be built: ")
    assert named in verdict.stop()
    with publication.reading(settings) as connection:
        assert connection.execute("from marts.numbers, marts.held_rows").fetchall() == [(7, 1)]
        told = connection.execute("select run_id, status, message from marts.pipeline_runs").fetchall()
    assert told == [(ended.run_id, "failed", "broken")]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Retail:
    made = retail(tmp_path_factory.mktemp("published") / "data", Plan(sales=60, days=20))
    made.night()
    made.tomorrow()
    return made


@pytest.mark.long
@pytest.mark.parametrize("kind", BROKEN)
def test_a_night_on_a_broken_project_is_published_as_a_failed_run(kind: str, project: Path, published: Retail) -> None:
    named = break_it(project, kind)
    before = {table: published.table(f"marts.{table}", published=True) for table in ("fct_orders", "dim_products")}

    with pytest.raises(TransformError, match="nothing new was published: the models cannot be built") as raised:
        published.night()

    assert named in str(raised.value)
    assert str(published.settings.logs_dir / "dbt.log") in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    [newest] = published.query("select status, message from pipeline_runs order by run_id desc limit 1")
    assert newest[0] == "failed"
    assert {table: published.table(f"marts.{table}", published=True) for table in before} == before
    assert {
        row["withheld_since"] is not None for row in published.table("marts.published_accounts", published=True)
    } == {True}
    answer = CliRunner().invoke(main, ["--data-dir", str(published.settings.tillhouse_data_dir), "status"])
    assert answer.exit_code == 4
    assert "the models cannot be built" in answer.stdout.replace("\n", " ")


@pytest.mark.long
def test_a_first_night_on_a_broken_project_keeps_what_it_fetched(project: Path, tmp_path: Path) -> None:
    made = retail(tmp_path / "data", Plan(sales=20, days=5))
    break_it(project, "yaml")

    with pytest.raises(TransformError, match="nothing was published: the models cannot be built"):
        made.night()

    assert not made.settings.warehouse_file.exists()
    assert made.table("raw_lightspeed.sale")
    assert run.ledger(made.settings).records()[-1].status == "failed"
