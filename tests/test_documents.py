"""What the documents say of the tests is so."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_case_of_the_accountant_names_what_holds_it() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| (.+) \|$", (ROOT / "docs" / "accountants-cases.md").read_text(), re.MULTILINE)
    named = {name for _, held in rows for name in re.findall(r"`(\w+)`", held)}
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    rules = "\n".join(path.read_text() for path in (ROOT / "dbt_project" / "models").rglob("*.yml"))
    reconciliations = {path.stem for path in (ROOT / "dbt_project" / "tests").glob("*.sql")}

    known = {*re.findall(r"^def (test_\w+)", tests, re.MULTILINE), *re.findall(r"- name: (\w+)", rules)}
    assert named - known - reconciliations == set()
    assert len(rows) > 35


def test_every_mart_has_a_line_in_the_readme_with_two_questions() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    marts = {path.stem for path in (ROOT / "dbt_project" / "models" / "marts").rglob("*.sql")}

    assert {name for name, _, _ in rows} == marts
    assert [name for name, _, questions in rows if questions.count("?") < 2] == []
