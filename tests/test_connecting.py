"""Stores are connected as a user does it: by words, over HTTP."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipelines.cli import main
from pipelines.sandbox.api import Sandbox, create_app
from pipelines.sandbox.knobs import Knobs
from pipelines.sandbox.server import running
from pipelines.sandbox.shopify import CLIENT_ID, CLIENT_SECRET
from pipelines.sandbox.store import Store
from pipelines.sandbox.world import Plan, build

CREDENTIALS = ("--client-id", CLIENT_ID, "--client-secret", "-")


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A served world, and an environment that points at it."""
    store = Store()
    build(store, Plan(sales=60, days=10))
    app = create_app(store, Knobs(speed=10_000))
    with running(app) as url:
        for name in ("LIGHTSPEED_API_URL", "LIGHTSPEED_AUTH_URL"):
            monkeypatch.setenv(name, url)
        monkeypatch.setenv("SHOPIFY_API_URL", f"{url}/shopify/{{shop}}")
        monkeypatch.setenv("ECWID_API_URL", f"{url}/ecwid/api/v3")
        yield app.state.sandbox
    for handler in logging.getLogger("tillhouse").handlers:
        handler.close()


def typed(folder: Path, *words: str, read: str = "") -> Result:
    return CliRunner().invoke(main, ["--data-dir", str(folder), *words], input=read)


def said(result: Result) -> str:
    return " ".join((result.stdout + result.stderr).split())


def ecwid_token(sandbox: Sandbox) -> str:
    api = sandbox.online.ecwid(71000001)
    assert api
    return api.token


def test_stores_of_both_kinds_are_connected_listed_and_examined(sandbox: Sandbox, tmp_path: Path) -> None:
    bearer = sandbox.auth.bearer(120001)

    first = typed(tmp_path, "connect", "--token", "-", read=bearer)
    shopify = typed(tmp_path, "connect", "--shopify", "harbor-pine.myshopify.com", *CREDENTIALS, read=CLIENT_SECRET)
    ecwid = typed(tmp_path, "connect", "Web", "--ecwid", "71000001", "--token", "-", read=ecwid_token(sandbox))
    listed = json.loads(typed(tmp_path, "accounts", "--json").stdout)
    examined = typed(tmp_path, "doctor", "--json")

    assert [result.exit_code for result in (first, shopify, ecwid, examined)] == [0, 0, 0, 0]
    assert "connected store 71000001, Web: its orders count with Lightspeed account 120001" in said(ecwid)
    assert [(row["source"], row["account_id"], row["retailer"]) for row in listed] == [
        ("lightspeed", 120001, 120001),
        ("shopify", 61000001, 120001),
        ("ecwid", 71000001, 120001),
    ]
    verdicts = {finding["what"]: finding["verdict"] for finding in json.loads(examined.stdout)}
    assert (verdicts["store 61000001"], verdicts["store 71000001"]) == ("ok", "ok")


def test_whose_store_it_is_must_be_said_where_several_accounts_are_connected(sandbox: Sandbox, tmp_path: Path) -> None:
    for account_id in (120001, 230002):
        typed(tmp_path, "connect", "--token", "-", read=sandbox.auth.bearer(account_id))
    words = ("connect", "--ecwid", "71000001", "--token", "-")

    unsaid = typed(tmp_path, *words, read=ecwid_token(sandbox))
    strange = typed(tmp_path, *words, "--with-account", "7", read=ecwid_token(sandbox))
    told = typed(tmp_path, *words, "--with-account", "230002", read=ecwid_token(sandbox))

    assert (unsaid.exit_code, strange.exit_code, told.exit_code) == (2, 2, 0)
    assert "--with-account with one of 120001, 230002" in said(unsaid)
    assert "--with-account 7 is not connected" in said(strange)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--ecwid", "71000001"), "takes --token with its secret token, and nothing else"),
        (("--ecwid", "71000001", "--code", "x"), "takes --token with its secret token, and nothing else"),
        (("--ecwid", "7", "--token", "x", "--client-id", "y"), "takes --token with its secret token, and nothing else"),
        (("--ecwid", "7", "--shopify", "harbor-pine", "--token", "x"), "one store at a time"),
        (("--shopify", "harbor pine!", "--token", "x"), "not a store's name"),
        (("--shopify", "harbor-pine"), "--client-id with --client-secret, or --token"),
        (("--with-account", "7"), "go with an online store"),
    ],
)
def test_words_that_do_not_go_together_are_one_sentence(words: tuple[str, ...], complaint: str, tmp_path: Path) -> None:
    result = typed(tmp_path, "connect", *words)

    assert result.exit_code == 2
    assert complaint in said(result)


def test_a_token_that_is_not_taken_keeps_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    result = typed(tmp_path, "connect", "--ecwid", "71000001", "--token", "-", read="secret_canary_token")

    assert result.exit_code == 1
    assert "its token is not taken (HTTP 403), and was not sent again" in said(result)
    assert "canary" not in said(result)
    assert json.loads(typed(tmp_path, "accounts", "--json").stdout) == []
