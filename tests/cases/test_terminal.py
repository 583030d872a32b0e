"""No text from outside is obeyed by a terminal or makes a line of a log (case 35)."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from pathlib import Path

import httpx
import pytest
from rich.table import Table
from rich.text import Text

from pipelines import logs
from pipelines.errors import AuthError, RequestError
from pipelines.sources.lightspeed.auth import code_of
from pipelines.sources.lightspeed.client import LightspeedClient
from pipelines.terminal import Terminal, on_one_line, shown
from pipelines.transport import LeakyBucket

HARM = "\x1b[2J\x1b]0;title\x07\x9b31m\r\x08\u202eegassem\u2066"


def printed(*what: object) -> str:
    file = io.StringIO()
    Terminal(file=file, width=200).print(*what)
    return file.getvalue()


def table_of(text: str) -> Table:
    table = Table(title=text)
    table.add_column(text)
    table.add_row(text)
    return table


@pytest.mark.parametrize("what", [HARM, Text(HARM), Text.assemble(("error:", "bold"), f" {HARM}"), table_of(HARM)])
def test_control_characters_are_shown_escaped_wherever_they_stand(what: object) -> None:
    said = printed(what)

    # rich itself leaves out a bell, a backspace and a carriage return within a Text.
    assert r"\x1b[2J\x1b]0;title" in said.replace("\n", "")
    assert r"\x9b31m" in said
    assert r"\u202eegassem\u2066" in said
    assert not {letter for letter in said if letter != "\n" and not letter.isprintable()}


def test_names_of_any_language_and_line_ends_stay_as_they_are() -> None:
    text = "Zoë's Café - 日本 👩‍🍳 שלום\nsecond line"

    assert shown(text) == text
    assert printed("Zoë's Café - 日本 👩‍🍳") == "Zoë's Café - 日本 👩‍🍳\n"


def test_the_columns_of_a_table_fit_what_is_shown() -> None:
    table = Table(show_edge=False)
    table.add_column("a")
    table.add_column("b")
    table.add_row("\x1b", "1")
    table.add_row("word", "2")

    lines = printed(table).splitlines()

    assert len({line.index("│") for line in lines if "│" in line}) == 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_of_a_log_is_one_line(form: str, tmp_path: Path) -> None:
    logs.set_up(tmp_path, form=form, verbose=False)
    logger = logging.getLogger("tillhouse")

    logger.info("said %s", f"{HARM}\n2026-01-01 00:00:00,000 INFO forged")
    for handler in logger.handlers:
        handler.close()

    [line] = (tmp_path / "tillhouse.log").read_text(encoding="utf-8").splitlines()
    assert "\x1b" not in line
    if form == "json":
        assert json.loads(line)["message"].startswith("said \x1b")
    else:
        assert r"\n2026" in line


def test_what_the_api_or_a_browser_says_is_escaped_on_its_way_to_the_terminal() -> None:
    class Authorizer:
        async def token(self) -> str:
            return "t"

        async def renew(self, rejected: str) -> str:
            return rejected

    async def ask() -> None:
        refusal = httpx.Response(400, json={"message": HARM})
        async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: refusal)) as http:
            client = LightspeedClient(http, Authorizer(), api_url="https://api", account_id=1, bucket=LeakyBucket())
            await client.single("Account")

    with pytest.raises(RequestError) as by_the_api:
        asyncio.run(ask())
    with pytest.raises(AuthError) as by_the_browser:
        code_of("http://localhost/callback?error=%1b[2J", None)

    assert r"\x1b[2J\x1b]0;title" in printed(by_the_api.value)
    assert r"\x1b[2J" in printed(by_the_browser.value)
    assert on_one_line("a\nb") == r"a\nb"
