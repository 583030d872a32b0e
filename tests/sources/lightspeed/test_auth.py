"""Tokens rotate each time they are used; none is lost, shown, or refreshed twice."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from pipelines.connecting import connect
from pipelines.errors import AuthError, UnavailableError
from pipelines.sandbox.knobs import Fault, Knobs
from pipelines.sandbox.world import Plan
from pipelines.sources.lightspeed.auth import (
    Authorizer,
    OAuth,
    bearer,
    challenge_of,
    claims_of,
    code_of,
    connected,
)
from pipelines.sources.lightspeed.tokens import Connection, TokenStore
from tests.conftest import URL, Retail, retail


@pytest.fixture
def shop(tmp_path: Path) -> Retail:
    return retail(tmp_path / "data", Plan(sales=5, days=2))


def oauth_of(shop: Retail, http: httpx.AsyncClient) -> OAuth:
    return OAuth(http, auth_url=URL, api_url=URL, client_id="sandbox-client", client_secret="sandbox-secret")


def with_oauth(shop: Retail, do: Callable[[OAuth, TokenStore], object]) -> object:
    async def run() -> object:
        async with httpx.AsyncClient(transport=shop.transport) as http:
            result = do(oauth_of(shop, http), TokenStore(shop.settings.tokens_dir / "lightspeed"))
            return await result if asyncio.iscoroutine(result) else result

    return asyncio.run(run())


def granted(shop: Retail) -> Connection:
    """Account 120001 connected by a refresh token."""
    refresh_token = shop.sandbox.auth.open_session(120001).refresh_token

    async def do(oauth: OAuth, store: TokenStore) -> Connection:
        return await connected(store, oauth, await oauth.refresh(refresh_token))

    found = with_oauth(shop, do)
    assert isinstance(found, Connection)
    return found


def test_a_connection_knows_its_account_its_scopes_and_its_end(shop: Retail) -> None:
    connection = granted(shop)

    assert (connection.account_id, connection.name) == (120001, "Harbor & Pine Outfitters")
    assert connection.scopes == ("employee:all",)
    assert connection.expires_at is not None


def test_a_renewed_pair_is_on_disk_before_its_first_use(shop: Retail) -> None:
    """The old refresh token dies with the new access token's first use: what is not saved by then is lost."""
    before = granted(shop)
    order: list[str] = []

    async def do(oauth: OAuth, store: TokenStore) -> None:
        save = store.save

        def note_and_save(connection: Connection) -> None:
            order.append("saved")
            save(connection)

        store.save = note_and_save  # type: ignore[method-assign]
        token = await Authorizer(store, oauth, 120001).renew(before.access_token)
        order.append("used")
        await oauth.account(token)

    with_oauth(shop, do)

    assert order == ["saved", "used"]


def test_two_processes_that_find_a_token_dead_refresh_it_once(shop: Retail) -> None:
    connection = granted(shop)  # the first of two refreshes

    async def do(oauth: OAuth, store: TokenStore) -> list[str]:
        authorizers = [Authorizer(TokenStore(store.folder), oauth, 120001) for _ in range(3)]
        return await asyncio.gather(*(each.renew(connection.access_token) for each in authorizers))

    tokens = with_oauth(shop, do)

    assert isinstance(tokens, list)
    assert len(set(tokens)) == 1
    assert [path for path in shop.sandbox.auth.refreshes if path == 120001] == [120001, 120001]


def test_a_power_cut_between_answer_and_write_costs_nothing_since_2026(shop: Retail) -> None:
    connection = granted(shop)

    async def do(oauth: OAuth, store: TokenStore) -> str:
        await oauth.refresh(str(connection.refresh_token))  # answered, never written
        return await Authorizer(store, oauth, 120001).renew(connection.access_token)

    assert claims_of(str(with_oauth(shop, do)))["acct"] == "120001"


def test_under_the_rule_of_2024_a_lost_pair_asks_the_merchant(tmp_path: Path) -> None:
    shop = retail(tmp_path / "data", Plan(sales=5, days=2), Knobs(rotation_of_2024=True))
    connection = granted(shop)

    async def do(oauth: OAuth, store: TokenStore) -> str:
        await oauth.refresh(str(connection.refresh_token))
        return await Authorizer(store, oauth, 120001).renew(connection.access_token)

    with pytest.raises(AuthError, match=r"account 120001: .*run `tillhouse connect`"):
        with_oauth(shop, do)


def test_a_pair_that_somebody_else_rotated_is_read_again_before_giving_up(shop: Retail) -> None:
    connection = granted(shop)

    async def do(oauth: OAuth, store: TokenStore) -> str:
        load, calls = store.load, []

        def late(account_id: int) -> Connection:
            calls.append(account_id)
            if len(calls) == 1:
                return replace(connection, refresh_token="spent")
            return replace(load(account_id), access_token="theirs", refresh_token="theirs")

        store.load = late  # type: ignore[method-assign]
        return await Authorizer(store, oauth, 120001).renew(connection.access_token)

    assert with_oauth(shop, do) == "theirs"


def test_a_token_near_its_end_is_renewed_ahead_of_it(tmp_path: Path) -> None:
    shop = retail(tmp_path / "data", Plan(sales=5, days=2), Knobs(expires_in=60))
    connection = granted(shop)

    token = with_oauth(shop, lambda oauth, store: Authorizer(store, oauth, 120001).token())

    assert token != connection.access_token


def test_a_bearer_token_that_is_rejected_names_account_and_remedy(shop: Retail) -> None:
    token = shop.sandbox.auth.bearer(230002)

    async def do(oauth: OAuth, store: TokenStore) -> str:
        await connected(store, oauth, bearer(token))
        return await Authorizer(store, oauth, 230002).renew(token)

    with pytest.raises(AuthError, match=r"account 230002: its bearer token .*run `tillhouse connect`"):
        with_oauth(shop, do)


def test_a_wrong_client_is_told_by_its_settings_names(shop: Retail) -> None:
    async def do(oauth: OAuth, _: TokenStore) -> object:
        oauth.client_id = "nobody"
        return await oauth.refresh("x")

    with pytest.raises(AuthError, match="check LIGHTSPEED_CLIENT_ID and LIGHTSPEED_CLIENT_SECRET"):
        with_oauth(shop, do)


def test_a_refresh_that_fails_for_a_moment_is_asked_again(shop: Retail) -> None:
    connection = granted(shop)
    shop.sandbox.knobs.faults.append(Fault("/auth/oauth/token", 503, b"<html>", times=2))

    token = with_oauth(shop, lambda oauth, store: Authorizer(store, oauth, 120001).renew(connection.access_token))

    assert token != connection.access_token


def test_an_authorization_server_that_stays_away_is_no_reason_to_reconnect(shop: Retail) -> None:
    connection = granted(shop)
    shop.sandbox.knobs.faults.append(Fault("/auth/oauth/token", 503, b"<html>", times=9))

    with pytest.raises(UnavailableError, match="try again later"):
        with_oauth(shop, lambda oauth, store: Authorizer(store, oauth, 120001).renew(connection.access_token))


# --- the store -----------------------------------------------------------------------------------


def test_token_files_are_the_owners_alone(shop: Retail) -> None:
    granted(shop)
    folder = shop.settings.tokens_dir / "lightspeed"

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.json")} == {0o600}


def test_a_token_file_that_others_can_read_is_refused(shop: Retail) -> None:
    granted(shop)
    path = shop.settings.tokens_dir / "lightspeed" / "120001.json"
    path.chmod(0o644)

    with pytest.raises(AuthError, match=r"can be read by others.*chmod 600"):
        TokenStore(path.parent).accounts()


def test_a_damaged_token_file_is_named_and_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "7.json"
    path.write_text('{"access_token": "very-secret')
    path.chmod(0o600)

    with pytest.raises(AuthError, match=r"7\.json is damaged") as raised:
        TokenStore(tmp_path).accounts()
    assert "very-secret" not in repr(raised.value) + str(raised.value)


@pytest.mark.parametrize(
    "content",
    ['{"account_id": "7", "name": "x", "access_token": "t"}', '{"account_id": 7, "name": "x", "access_token": null}'],
)
def test_a_token_file_with_a_value_of_the_wrong_kind_is_damaged(tmp_path: Path, content: str) -> None:
    path = tmp_path / "7.json"
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(AuthError, match=r"7\.json is damaged"):
        TokenStore(tmp_path).accounts()


def test_a_token_file_under_another_accounts_name_is_refused(tmp_path: Path) -> None:
    """A copied file would load one account's sales under another's id."""
    path = tmp_path / "8.json"
    path.write_text('{"account_id": 7, "name": "x", "access_token": "t"}')
    path.chmod(0o600)

    with pytest.raises(AuthError, match="holds another account's tokens"):
        TokenStore(tmp_path).accounts()


def test_a_crash_while_saving_leaves_the_old_pair(shop: Retail, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = granted(shop)
    store = TokenStore(shop.settings.tokens_dir / "lightspeed")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("power cut")))

    with pytest.raises(OSError, match="power cut"):
        store.save(replace(connection, access_token="new"))
    assert store.load(120001) == connection


def test_no_secret_is_in_a_connections_repr(shop: Retail) -> None:
    connection = granted(shop)

    assert connection.access_token not in repr(connection)
    assert str(connection.refresh_token) not in repr(connection)


# --- the browser ---------------------------------------------------------------------------------


def test_the_challenge_is_that_of_the_standards_example() -> None:
    """RFC 7636, appendix B."""
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_scopes_are_joined_by_a_plus_that_is_not_encoded_again() -> None:
    oauth = OAuth(httpx.AsyncClient(), auth_url=URL, api_url=URL, client_id="c", client_secret="s")

    url = oauth.authorize_url(
        state="s", challenge="c", redirect_uri="http://localhost/", scopes=("employee:a", "employee:b")
    )

    assert url.endswith("&scope=employee:a+employee:b")


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("/callback?code=x&state=other", "state differs"),
        ("/callback?error=access_denied&state=mine", "declined"),
        ("/callback?state=mine", "no authorization code"),
    ],
)
def test_an_answer_that_is_not_a_code_for_our_question_is_refused(answer: str, complaint: str) -> None:
    with pytest.raises(AuthError, match=complaint):
        code_of(answer, "mine")


def test_a_merchant_may_paste_the_code_or_the_whole_address() -> None:
    assert code_of("abc", None) == "abc"
    assert code_of("https://example.com/back?code=abc&state=x", None) == "abc"


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def test_the_whole_way_through_the_browser(shop: Retail) -> None:
    """The merchant's browser is sent to Lightspeed, allows the app, and comes back to this machine with a code."""
    redirect = f"http://127.0.0.1:{free_port()}/callback"
    settings = shop.settings.model_copy(update={"lightspeed_redirect_uri": redirect})
    asked: list[str] = []

    async def browse(url: str) -> None:
        asked.append(url)
        async with httpx.AsyncClient(transport=shop.transport) as browser:
            sent_back = (await browser.get(url)).headers["Location"]
        async with httpx.AsyncClient() as browser:
            assert "close this tab" in (await browser.get(sent_back)).text

    async def whole_way() -> Connection:
        visits: list[asyncio.Task[None]] = []
        connection = await connect(
            settings,
            name="Harbor",
            secrets={},
            announce=lambda url: visits.append(asyncio.create_task(browse(url))),
            paste=str,
            browse=False,
            transport=shop.transport,
        )
        await asyncio.gather(*visits)
        return connection

    connection = asyncio.run(whole_way())

    assert (connection.account_id, connection.name) == (120001, "Harbor")
    assert parse_qs(urlsplit(asked[0]).query)["code_challenge_method"] == ["S256"]
    assert "employee:register_read" in connection.scopes


def test_where_the_browser_is_sent_elsewhere_its_address_is_asked_for(shop: Retail) -> None:
    """Lightspeed may insist on a registered https address: the merchant pastes where it led. Rights may be added."""
    settings = shop.settings.model_copy(
        update={
            "lightspeed_redirect_uri": "https://shop.example.com/back",
            "lightspeed_more_scopes": "employee:register",
        }
    )
    asked: list[str] = []

    def paste() -> str:
        async def visit() -> str:
            async with httpx.AsyncClient(transport=shop.transport) as browser:
                return str((await browser.get(asked[0])).headers["Location"])

        return asyncio.run(visit())

    connection = asyncio.run(
        connect(settings, name="", secrets={}, announce=asked.append, paste=paste, transport=shop.transport)
    )

    assert connection.account_id == 120001
    assert {"employee:register", "employee:register_read"} <= set(connection.scopes)
