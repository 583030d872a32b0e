"""What a user types, sees and can script with; what the documents say is so."""

from __future__ import annotations

import errno
import json
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result
from filelock import FileLock

from pipelines import reconciling
from pipelines.cli import _span, main, out
from pipelines.errors import SettingsError
from pipelines.probe import readings_of_nights
from pipelines.settings import Settings, read_settings
from pipelines.sources.lightspeed.probing.reports import FACT_OF
from tests.conftest import OF_TESTS, Retail

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _closed_log() -> Iterator[None]:
    """Each command opens the log of its data directory; a process that goes on must let go of it."""
    yield
    for handler in logging.getLogger("tillhouse").handlers:
        handler.close()


def typed(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--data-dir", str(folder), *words])


# --- the documents ------------------------------------------------------------------------------


def test_every_command_is_in_the_readme_and_the_readme_names_no_other() -> None:
    named = set(re.findall(r"^\| `tillhouse ([\w-]+)", README, re.MULTILINE))

    assert named == set(main.commands)


def test_every_mart_is_in_the_readme_with_its_questions() -> None:
    marts = {path.stem for path in (ROOT / "dbt_project" / "models" / "marts").glob("*.sql")}
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", README, re.MULTILINE)

    assert {name for name, _ in rows} == marts
    assert [name for name, asked in rows if asked.count("?") < 2] == []


def test_every_setting_is_in_the_example_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OF_TESTS:
        monkeypatch.delenv(name.upper())
    """`.env.example` and Settings cannot drift apart."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    defaults = Settings(_env_file=None)  # type: ignore[call-arg]

    assert example.keys() == {name.upper() for name in Settings.model_fields}
    for name, text in example.items():
        value = getattr(defaults, name.lower())
        shown = value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
        assert text == shown, name


def test_help_answers_without_dlt_and_dbt() -> None:
    """Importing either takes seconds."""
    code = "import sys; import pipelines.cli; print([name for name in ('dlt', 'dbt', 'pandas') if name in sys.modules])"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.strip() == "[]"


def test_nobody_but_the_command_line_imports_the_sandbox() -> None:
    package = ROOT / "pipelines"
    importing = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "pipelines.sandbox" in path.read_text(encoding="utf-8") and "sandbox" not in path.parts
    }

    assert importing == {"cli.py"}


def test_the_sandbox_imports_nothing_of_the_client() -> None:
    lines = [
        line
        for path in (ROOT / "pipelines" / "sandbox").glob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(r"\s*(from|import) pipelines", line)
    ]

    assert [line for line in lines if "pipelines.sandbox" not in line] == []


# --- the commands -------------------------------------------------------------------------------


def test_a_question_is_answered_as_table_csv_json_and_parquet(traded: Retail, tmp_path: Path) -> None:
    folder = traded.settings.tillhouse_data_dir
    question = "select count(*) as orders from fct_orders"
    orders = len(traded.table("marts.fct_orders"))

    assert str(orders) in typed(folder, "query", question).stdout
    assert typed(folder, "query", question, "-o", "csv").stdout == f"orders\n{orders}\n"
    assert json.loads(typed(folder, "query", question, "-o", "json").stdout) == [{"orders": orders}]
    assert json.loads(typed(folder, "query", question, "--json").stdout) == [{"orders": orders}]
    to = tmp_path / "answer.parquet"
    assert typed(folder, "query", question, "-o", "parquet", "--to", str(to)).exit_code == 0
    assert duckdb.read_parquet(str(to)).fetchall() == [(orders,)]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("query",), "give one question"),
        (("query", "select nothing from nowhere"), "DuckDB does not take this question"),
        (("query", "select 1", "-o", "parquet"), "needs a file"),
        (("query", "--file", "gone.sql"), "cannot be read"),
        (("connect", "--token", "a", "--code", "b"), "give one of --token"),
        (("run", "--since", "yesterday"), "not a date"),
        (("run", "--since", "2026-01-01", "--full-refresh"), "give one"),
        (("backfill", "--from", "2026-01-31", "--to", "2026-01-30"), "--from 2026-01-31 is after --to 2026-01-30"),
        (("backfill", "--from", "2026-01-31", "--to", "2126-01-30"), "--to 2126-01-30 is in the future"),
        (("backfill", "--from", "31.1.2026", "--to", "2026-01-30"), "--from 31.1.2026: not a date"),
        (("backfill", "--from", "2026-01-31"), "Missing option '--to'"),
        (("backfill", "--from", "0001-01-01", "--to", "2026-01-30"), "before 1900 there is nothing"),
        (("run", "--since", "0001-01-01"), "before 1900 there is nothing"),
        (("reconcile", "--unprove", "999"), "account 999 has no report that was compared; these have: 120001, 230002"),
        (("sandbox", "--port", "99999"), "99999 is not in the range 0<=x<=65535"),
        (("demo", "--sales", "0"), "0 is not in the range x>=1"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(words: tuple[str, ...], complaint: str, traded: Retail) -> None:
    result = typed(traded.settings.tillhouse_data_dir, *words)

    assert result.exit_code == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.output


def test_an_account_or_a_table_that_is_not_there_is_wrong_usage(small: Retail) -> None:
    folder = small.settings.tillhouse_data_dir
    told = [typed(folder, *words) for words in (("run", "--account", "4711"), ("extract", "--select", "slaes"))]

    assert [result.exit_code for result in told] == [2, 2]
    assert "account 4711 is not connected; connected: 120001, 230002" in told[0].stderr
    assert "'slaes' is not a table that is read" in told[1].stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("run",), "no account is connected"),
        (("query", "select 1"), "does not exist yet: run `tillhouse run`"),
        (("channel-profile",), "does not exist yet: run `tillhouse run`"),
        (("transform",), "does not exist yet"),
        (("replay",), "holds no load to replay"),
        (("backfill", "--from", "2026-01-01", "--to", "2026-01-02"), "no account is connected"),
        (("connect",), "LIGHTSPEED_CLIENT_ID is not set"),
    ],
)
def test_nothing_to_do_is_one_sentence_and_exit_code_1(words: tuple[str, ...], complaint: str, tmp_path: Path) -> None:
    result = typed(tmp_path / "data", *words)

    assert result.exit_code == 1
    assert complaint in " ".join(result.stderr.split())


def test_a_proof_is_taken_back(traded: Retail, tmp_path: Path) -> None:
    shutil.copy(traded.settings.warehouse_file, tmp_path)

    result = typed(tmp_path, "reconcile", "--unprove", "120001")

    assert result.exit_code == 0
    assert "120001," in (tmp_path / "project" / "unproven_accounts.csv").read_text()


def test_a_data_folder_may_be_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert read_settings(tillhouse_data_dir=Path("~/data")).tillhouse_data_dir == tmp_path / "data"


@pytest.mark.parametrize("folder", ["", " "])
def test_a_data_folder_without_a_name_is_wrong_usage(folder: str) -> None:
    """A variable of a shell that is not set."""
    result = CliRunner().invoke(main, ["--data-dir", folder, "status"])

    assert result.exit_code == 2
    assert "it is empty: name a folder" in result.stderr
    assert list(Path.cwd().iterdir()) == []


def test_what_may_not_be_written_is_one_sentence_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "data/run.lock")

    monkeypatch.setattr("pipelines.run.transform", refused)

    result = typed(tmp_path / "data", "transform")

    assert result.exit_code == 1
    assert "data/run.lock: Permission denied: give yourself the right to it, or name another" in result.stderr


def test_a_backfill_covers_its_days_in_every_time_zone(tmp_path: Path) -> None:
    """A day begins in Kiribati at 10:00 UTC of the day before and ends in Baker Island at noon UTC of the day after."""
    assert _span("2026-01-30", "2026-01-31", 0) == (
        datetime(2026, 1, 29, 10, tzinfo=UTC),
        datetime(2026, 2, 1, 12, tzinfo=UTC),
    )
    assert _span("2026-01-30", "2026-01-30", 4)[1] == datetime(2026, 1, 31, 16, tzinfo=UTC)


def test_a_defect_of_ours_is_one_sentence_without_the_errors_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "token-canary"

    def broken(*_: object) -> None:
        raise ValueError(words)

    monkeypatch.setattr("pipelines.status.accounts", broken)

    result = typed(tmp_path / "data", "accounts")

    log = (tmp_path / "data" / "logs" / "tillhouse.log").read_text(encoding="utf-8")
    assert result.exit_code == 1
    assert "unexpected ValueError" in result.stderr
    assert words not in result.output + log
    assert "test_cli.py" in log
    assert "test_cli.py" not in result.output
    assert len(result.stderr.splitlines()) == 1


def test_a_sentence_that_names_what_looks_like_markup_is_shown_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / r"x \[/bold] :pill:"

    result = typed(folder, "query", "select 1")

    assert result.exit_code == 1
    assert rf"error: {folder}/warehouse.duckdb does not exist yet" in result.stderr


def test_a_difference_at_a_shop_named_like_markup_is_a_row_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    day = {"location_name": r"[/x] \[/x]", "status": "unexplained", "difference": Decimal("0.01")}

    out.print(
        reconciling.view(
            {"accounts": [{"account_id": 1}], "readings": [{"account_id": 1}], "tried": [], "differences": [day]}
        )
    )

    assert r"[/x] \[/x]" in capsys.readouterr().out


def test_publishing_what_is_not_tested_is_refused_with_exit_code_3(tmp_path: Path) -> None:
    result = typed(tmp_path / "data", "publish")

    assert result.exit_code == 3
    assert "not built and tested" in result.stderr


def test_a_second_run_says_who_holds_the_folder_and_leaves(small: Retail) -> None:
    folder = small.settings.tillhouse_data_dir
    (folder / "run.json").write_text(
        '{"run_id": "a", "command": "run", "pid": 4711, "started_at": "2026-03-02T04:15:00+00:00"}'
    )

    with FileLock(folder / "run.lock"):
        result = typed(folder, "transform")

    assert result.exit_code == 1
    assert "in use by `tillhouse run` (process 4711, since 2026-03-02T04:15:00+00:00)" in " ".join(
        result.stderr.split()
    )


def test_status_and_accounts_speak_json(traded: Retail) -> None:
    folder = traded.settings.tillhouse_data_dir

    found = json.loads(typed(folder, "status", "--json").stdout)
    accounts = json.loads(typed(folder, "accounts", "--json").stdout)

    assert [row["account_id"] for row in found["freshness"]] == [120001, 230002]
    assert found["runs"][0]["status"] == "ok"
    assert [(row["account_id"], row["name"]) for row in accounts] == [
        (120001, "Harbor & Pine Outfitters"),
        (230002, "Quay Lane Traders"),
    ]
    assert all(row["last_success"] for row in accounts)


def test_status_is_a_table_that_people_read(traded: Retail) -> None:
    said = typed(traded.settings.tillhouse_data_dir, "status").stdout

    assert "Freshness" in said
    assert "Data quality" in said
    assert "Last runs" in said
    assert "Lightspeed, run " in said


def test_status_needs_the_published_file_alone(traded: Retail, tmp_path: Path) -> None:
    """Whoever is given the file of another machine reads its runs and tables there; the ledger has what is newer."""
    shutil.copy(traded.settings.warehouse_file, tmp_path / "warehouse.duckdb")

    alone = json.loads(typed(tmp_path, "status", "--json").stdout)
    at_home = json.loads(typed(traded.settings.tillhouse_data_dir, "status", "--json").stdout)

    assert [row["run_id"] for row in alone["runs"]] == [row["run_id"] for row in at_home["runs"]]
    assert [row["status"] for row in alone["runs"]] == ["ok", "ok"]
    assert all(row["finished_at"] for row in alone["runs"])
    assert [row["status"] for row in at_home["runs"]] == ["ok", "ok"]
    mine, theirs = (
        {(row["account_id"], row["table"]): row for row in found["runs"][0]["tables"]} for found in (alone, at_home)
    )
    assert mine == theirs
    assert mine[120001, "sale"]["rows_new"] > 0


def test_status_names_measures_without_a_proof_and_how_near_each_reading_came(traded: Retail, tmp_path: Path) -> None:
    """Amber, so the night exits with 0; a measure that is proven or not reported is not named."""
    file = tmp_path / "warehouse.duckdb"
    shutil.copy(traded.settings.warehouse_file, file)
    file.chmod(0o600)
    with duckdb.connect(str(file)) as con:
        readings = "marts.reconciliation_readings"
        con.execute(
            f"update {readings} set standing = 'likely', days_compared = 100, days_agreed = 96 "
            "where account_id = 120001 and measure = 'tax'"
        )
        con.execute(
            f"insert into {readings} by name select 'tried' as standing, false as is_followed, 90 as days_agreed, "
            f"'each tax apart' as reading, * exclude (standing, is_followed, days_agreed, reading) from {readings} "
            "where account_id = 120001 and measure = 'tax'"
        )
        con.execute(f"update {readings} set standing = 'not_reported' where measure = 'payments'")

    [unproven] = json.loads(typed(tmp_path, "status", "--json").stdout)["unproven"]
    said = " ".join(typed(tmp_path, "status").stdout.split())

    assert (unproven["account_id"], unproven["measure"], unproven["standing"]) == (120001, "tax", "likely")
    assert [(row["days_agreed"], row["days_compared"]) for row in unproven["tried"]] == [(96, 100), (90, 100)]
    assert unproven["tried"][1]["reading"] == "each tax apart"
    assert "amber: account 120001: what its report means by tax is likely; by the nearest of 2 readings tried" in said
    assert "96 of 100 shop-days agree" in said
    assert said.count("amber: account") == 1


def test_the_demos_folder_takes_no_real_account(tmp_path: Path) -> None:
    (tmp_path / "sandbox.sqlite").touch()

    for words in (("run",), ("connect", "--token", "x"), ("doctor",)):
        result = typed(tmp_path, *words)
        assert result.exit_code == 2
        assert "holds the demo's world" in result.stderr


def test_a_folder_of_real_accounts_takes_no_demo(small: Retail) -> None:
    result = typed(small.settings.tillhouse_data_dir, "demo")

    assert result.exit_code == 2
    assert "holds connected accounts" in result.stderr


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("lightspeed_api_url", "http://api.example.com", "must begin with https://"),
        ("shopify_api_url", "http://{shop}.example.com", "must begin with https://"),
        ("lightspeed_pii", "blur", "'keep', 'hash' or 'drop'"),
        ("lightspeed_api_url", "api.example.com", "is not a URL"),
        ("tillhouse_cost_basis", "guess", "'average' or 'fifo'"),
        ("tillhouse_business_day_cutover_hours", "25", "less than or equal to 23"),
        ("tillhouse_landing_days", "1000000", "less than or equal to 3650"),
        ("tillhouse_online_reread_days", "1000000", "less than or equal to 3650"),
        ("lightspeed_reread_days", "1000000", "less than or equal to 3650"),
        ("lightspeed_deep_reread_days", "1000000", "less than or equal to 3650"),
        ("lightspeed_report_days", "1000000", "less than or equal to 3650"),
        ("lightspeed_overlap_minutes", "9999999999", "less than or equal to 10080"),
        ("shopify_overlap_minutes", "9999999999", "less than or equal to 10080"),
        ("ecwid_overlap_minutes", "9999999999", "less than or equal to 10080"),
        ("lightspeed_api_url", "http://localhost:99999999", "the port behind it"),
        ("lightspeed_redirect_uri", "http://localhost:http/callback", "the port behind it"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_with_its_value(name: str, value: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint) as raised:
        read_settings(**{name: value})
    assert f"{name.upper()}={value}" in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://u:hush@example.com",
        "https://u:hush@example.com:99999999",
        "https://u:hu/hush@example.com",
        "http://u:hush@example.com",
        "u:hush@example.com",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="LIGHTSPEED_API_URL=") as raised:
        read_settings(lightspeed_api_url=url)

    assert "hush" not in str(raised.value)
    assert "@example.com" in str(raised.value)


def test_an_env_file_that_is_no_utf8_is_named(tmp_path: Path) -> None:
    """Windows' own editors write UTF-16, or a mark before the first name."""
    env = tmp_path / ".env"
    env.write_text("TILLHOUSE_COST_BASIS=fifo\n", encoding="utf-16")
    result = typed(tmp_path / "data", "accounts")
    env.write_text("TILLHOUSE_COST_BASIS=fifo\n", encoding="utf-8-sig")

    assert result.exit_code == 1
    assert f"error: {env} is not UTF-8 text" in result.stderr
    assert read_settings().tillhouse_cost_basis == "fifo"


def test_what_only_reads_needs_no_log(traded: Retail, tmp_path: Path) -> None:
    """A folder in the log's place stands for one that may not be written: root may write them all."""
    shutil.copytree(traded.settings.tillhouse_data_dir, tmp_path / "data", ignore=shutil.ignore_patterns("logs"))
    (tmp_path / "data" / "logs" / "tillhouse.log").mkdir(parents=True)

    for words in (("accounts",), ("status",), ("reconcile",), ("query", "select 1 as one")):
        result = typed(tmp_path / "data", *words)
        assert (words, result.exit_code, result.stderr) == (words, 0, "")


def test_the_doctor_gives_the_remedy_of_what_it_found(small: Retail) -> None:
    path = small.settings.tokens_dir / "lightspeed" / "120001.json"
    path.chmod(0o644)

    findings = json.loads(typed(small.settings.tillhouse_data_dir, "doctor", "--json").stdout)

    found = next(finding for finding in findings if finding["what"] == "account 120001")
    assert found["remedy"] == f"run `chmod 600 {path}`"


def test_a_name_that_is_no_setting_is_told_with_the_one_that_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("LIGHTSPEED_CLIENTID=1\nOTHER_PROGRAM=2\nTILLHOUSE_DATA_DIR=here\n")
    monkeypatch.setenv("TILLHOUSE_MOOD", "good")

    result = typed(tmp_path / "data", "accounts")
    findings = json.loads(typed(tmp_path / "data", "doctor", "--json").stdout)

    assert result.exit_code == 0
    told = " ".join(result.stderr.split())
    assert "LIGHTSPEED_CLIENTID is not a setting: LIGHTSPEED_CLIENT_ID is" in told
    assert "TILLHOUSE_MOOD is not a setting; .env.example lists them all" in told
    assert "OTHER_PROGRAM" not in told
    names = next(finding for finding in findings if finding["what"] == "settings")
    assert names["verdict"] == "warn"
    assert "LIGHTSPEED_CLIENTID" in names["found"]


def test_plain_http_is_allowed_to_this_machine(tmp_path: Path) -> None:
    assert read_settings(lightspeed_api_url="http://127.0.0.1:8787/").lightspeed_api_url == "http://127.0.0.1:8787"


def test_no_token_is_in_anything_that_was_written_but_its_own_file(traded: Retail) -> None:
    folder = traded.settings.tillhouse_data_dir
    tokens = [json.loads(path.read_text())["access_token"].encode() for path in folder.glob("tokens/*/*.json")]

    leaks = [
        path
        for path in folder.rglob("*")
        if path.is_file() and "tokens" not in path.parts and any(token in path.read_bytes() for token in tokens)
    ]

    assert len(tokens) == 2
    assert leaks == []


def test_a_wide_answer_is_read_downwards(traded: Retail) -> None:
    said = typed(traded.settings.tillhouse_data_dir, "query", "select * from fct_orders limit 2").stdout

    assert "row 2" in said
    assert re.search(r"^ *business_date +\d{4}-\d\d-\d\d", said, re.MULTILINE)


def test_a_data_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    result = typed(tmp_path / "file", "status")

    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert "file" in result.stderr


def test_a_probe_tells_what_the_nights_read_each_report_as(traded: Retail) -> None:
    told = readings_of_nights(traded.settings, traded.store.accounts()[0])

    assert told.keys() == {fact.name for fact in FACT_OF.values()}
    assert all(text.startswith("by the nights: ") for text in told.values())
