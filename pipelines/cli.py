"""Words to calls: the commands of `tillhouse`, what they print, and their exit codes."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from pipelines.errors import NO_RIGHT, TillhouseError, TransformError, UsageError
from pipelines.stopping import Stopped, stoppable
from pipelines.terminal import Terminal

if TYPE_CHECKING:
    from pipelines.run import Options, Outcome
    from pipelines.settings import Settings

OK, NOTHING_DONE, WRONG_USAGE, NOT_PUBLISHED, PARTIAL = 0, 1, 2, 3, 4

CODES = {TransformError: NOT_PUBLISHED, UsageError: WRONG_USAGE}
"""Of errors raised on purpose; NOTHING_DONE for the others."""

RIGHTS = "give yourself the right to it, or name another folder with --data-dir"

out = Terminal()
err = Terminal(stderr=True)


class Command(click.Command):
    """Errors raised on purpose become one sentence on stderr and the exit code that belongs to them."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Stopped as error:
            sys.exit(error.exit_code)  # The sentence was printed when the signal came.
        except TillhouseError as error:
            _fail(error, next((code for kind, code in CODES.items() if isinstance(error, kind)), NOTHING_DONE))
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # The reader of the pipe has closed it, as `head` does: click ends quietly.
        except OSError as error:
            # A full disk, a folder that cannot be written: the system's own words, without our stack.
            remedy = f": {RIGHTS}" if error.errno in NO_RIGHT | {errno.ENOTDIR} else ""
            _fail(f"{error.filename or 'the system'}: {error.strerror or error}{remedy}", NOTHING_DONE)
        except Exception as error:
            # A defect of ours; its own words may quote a token or a name, so the log has its trace and not them.
            logging.getLogger("tillhouse").exception("%s", self.name)
            _fail(f"unexpected {type(error).__name__}; please report it with the last lines of the log", NOTHING_DONE)


def _fail(error: object, code: int) -> None:
    _complain("error:", error)
    sys.exit(code)


def _complain(kind: str, sentence: object) -> None:
    err.print(Text.assemble((kind, "bold red"), f" {sentence}"), soft_wrap=True)


class Group(click.Group):
    command_class = Command


def _folder(_: click.Context, __: click.Parameter, text: str | None) -> Path | None:
    """The folder that *text* names; an unset variable of a shell is an empty text, and not the working directory."""
    if text is None:
        return None
    if not text.strip():
        raise click.BadParameter("it is empty: name a folder, or leave the option out")
    return Path(text)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tillhouse", prog_name="tillhouse")
@click.option("--data-dir", metavar="FOLDER", callback=_folder, help="Instead of TILLHOUSE_DATA_DIR.")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="Instead of TILLHOUSE_LOG_FORMAT.")
@click.option("-v", "--verbose", is_flag=True, help="Every log line on stderr.")
@click.pass_context
def main(ctx: click.Context, data_dir: Path | None, log_format: str | None, verbose: bool) -> None:
    """Lightspeed Retail and online channels, each night, to revenue marts that agree with the till to the cent."""
    flags = {"tillhouse_data_dir": data_dir, "tillhouse_log_format": log_format}
    ctx.obj = {"verbose": verbose, "flags": {name: value for name, value in flags.items() if value is not None}}


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the command its settings: read late, so that --help needs none."""

    @click.pass_obj
    def call(obj: dict[str, Any], /, *args: Any, **kwargs: Any) -> Any:
        from pipelines import explaining, locks, logs, modes
        from pipelines.settings import misspelt, read_settings

        settings = read_settings(**obj["flags"])
        locks.Waiting.seconds = settings.tillhouse_wait_seconds
        told = explaining.plainly(settings.tillhouse_data_dir)
        with modes.owner_only(), stoppable(lambda sentence: _complain("note:", sentence)), told:
            logs.set_up(settings.logs_dir, form=settings.tillhouse_log_format, verbose=obj["verbose"])
            for sentence in misspelt():
                logging.getLogger("tillhouse").warning("%s", sentence)
            return command(settings, *args, **kwargs)

    return update_wrapper(call, command)


account_option = click.option("--account", "accounts", type=int, multiple=True, help="Only this account; repeatable.")
json_option = click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")


def extraction_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--select", "tables", multiple=True, help="Only this raw table, such as sale; repeatable."),
        click.option("--since", help="On the first night, only sales that moved since this date (YYYY-MM-DD)."),
        click.option("--full-refresh", is_flag=True, help="Read everything again, whatever was read before."),
        account_option,
    ):
        command = option(command)
    return command


anyway_option = click.option(
    "--publish-anyway", is_flag=True, help="Even if numbers differ from Lightspeed's own; the record says so."
)


@main.command()
@extraction_options
@anyway_option
@json_option
@with_settings
def run(settings: Settings, as_json: bool, **asked: Any) -> None:
    """The nightly job: extract, load, transform, test, reconcile, publish."""
    from pipelines import run as job

    _refuse_demo(settings)
    with progress() as report:
        outcome = job.night(settings, _options(**asked), report)
    _finish(outcome, as_json=as_json)


@main.command()
@extraction_options
@json_option
@with_settings
def extract(settings: Settings, as_json: bool, **asked: Any) -> None:
    """Bring what changed into the raw tables, and no further."""
    from pipelines import run as job

    _refuse_demo(settings)
    with progress() as report:
        outcome = job.extract(settings, _options(**asked), report)
    _finish(outcome, as_json=as_json)


@main.command()
@click.option("--from", "first", required=True, help="The first business date to read again (YYYY-MM-DD).")
@click.option("--to", "last", required=True, help="The last one.")
@account_option
@json_option
@with_settings
def backfill(settings: Settings, first: str, last: str, accounts: tuple[int, ...], as_json: bool) -> None:
    """Read the sales of some days again, then transform and publish; the nights' cursors stay where they are."""
    from pipelines import run as job

    _refuse_demo(settings)
    between = _span(first, last, settings.tillhouse_business_day_cutover_hours)
    with progress() as report:
        outcome = job.night(settings, job.Options(accounts, between=between), report, command="backfill")
    _finish(outcome, as_json=as_json)


@main.command()
@json_option
@with_settings
def replay(settings: Settings, as_json: bool) -> None:
    """Rebuild the raw tables from the landing zone alone, asking no API."""
    from pipelines import run as job

    with progress() as report:
        outcome = job.replay(settings, report)
    _finish(outcome, as_json=as_json)
    err.print("next: tillhouse transform, then tillhouse publish")


@main.command()
@json_option
@with_settings
def transform(settings: Settings, as_json: bool) -> None:
    """Rebuild and test the marts from the raw tables."""
    from pipelines import run as job
    from pipelines.demo import as_shown

    _finish(job.transform(as_shown(settings)), as_json=as_json)


@main.command()
@click.option("--accept", "day", metavar="DAY", help="Accept the differences of this business date (YYYY-MM-DD).")
@click.option("--shop", "shop_id", type=int, help="With --accept: the shop's number; 0 for a count of sales.")
@click.option("--account", "account_id", type=int, help="With --accept: needed where several accounts differ.")
@click.option("--measure", help="With --accept: only this measure, such as tax.")
@click.option("--reason", help="With --accept: why it is right as it is.")
@click.option("--unprove", type=int, metavar="ACCOUNT", help="Forget what an account's reports were found to mean.")
@json_option
@with_settings
def reconcile(
    settings: Settings, day: str | None, reason: str | None, unprove: int | None, as_json: bool, **asked: Any
) -> None:
    """Show what differs from Lightspeed's own totals, or accept it."""
    if day:
        _accept(settings, _date("--accept", day), reason, **asked)
    elif reason or any(value is not None for value in asked.values()):
        raise UsageError("--shop, --account, --measure and --reason go with --accept DAY")
    elif unprove is not None:
        _unprove(settings, unprove)
    else:
        _show_comparison(settings, as_json=as_json)


def _show_comparison(settings: Settings, *, as_json: bool) -> None:
    from pipelines import reconciling

    found = reconciling.last_comparison(settings)
    _print_json(found) if as_json else out.print(reconciling.view(found))
    if found["unexplained"]:
        sys.exit(PARTIAL)


def _accept(
    settings: Settings,
    day: date,
    reason: str | None,
    *,
    shop_id: int | None,
    account_id: int | None,
    measure: str | None,
) -> None:
    from pipelines import reconciling

    if shop_id is None or not (reason or "").strip():
        raise UsageError("--accept DAY needs --shop and --reason")
    path, accepted = reconciling.accept(
        settings, day, shop_id, str(reason).strip(), account_id=account_id, measure=measure
    )
    for row in accepted:
        out.print(f"accepted: {row['measure']} of {day}, {row['location_name']}: {row['difference']:.2f}")
    out.print(f"remembered in {path}; the next run publishes it as accepted", soft_wrap=True)


def _unprove(settings: Settings, account_id: int) -> None:
    from pipelines import reconciling

    path = reconciling.unprove(settings, account_id)
    out.print(f"account {account_id} is proven anew from the next run on; remembered in {path}", soft_wrap=True)


@main.command()
@click.option("--accept", "held_id", metavar="ID", help="Accept that this held row is missing.")
@click.option("--account", "account_id", type=int, help="With --accept: needed where several accounts hold the id.")
@click.option("--table", help="With --accept: needed where several tables hold the id.")
@click.option("--reason", help="With --accept: why it may be missing.")
@json_option
@with_settings
def held(
    settings: Settings,
    held_id: str | None,
    account_id: int | None,
    table: str | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """List rows that cannot be read and are set aside, or accept one."""
    from pipelines import held_rows

    if held_id is None:
        if reason or table or account_id is not None:
            raise UsageError("--account, --table and --reason go with --accept ID")
        found = held_rows.listing(settings)
        _print_json(found) if as_json else out.print(held_rows.view(found))
        if held_rows.waiting(found):
            sys.exit(PARTIAL)
        return
    if not (reason or "").strip():
        raise UsageError("--accept ID needs --reason")
    path = held_rows.accept(settings, held_id, str(reason).strip(), account_id=account_id, table=table)
    out.print(f"accepted: {held_id}; remembered in {path}; it no longer means exit code 4", soft_wrap=True)


@main.command()
@anyway_option
@json_option
@with_settings
def publish(settings: Settings, as_json: bool, publish_anyway: bool) -> None:
    """Publish the marts that the last transform built and tested."""
    from pipelines import run as job

    _finish(job.publish(settings, anyway=publish_anyway), as_json=as_json)


def _options(*, since: str | None, full_refresh: bool, **asked: Any) -> Options:
    from pipelines.run import Options

    if since and full_refresh:
        raise UsageError("--full-refresh reads everything and --since does not: give one (or `tillhouse backfill`)")
    day = f"{_date('--since', since)}T00:00:00+00:00" if since else None
    return Options(since=day, full_refresh=full_refresh, **asked)


def _span(first: str, last: str, cutover: int) -> tuple[datetime, datetime]:
    """The business dates of every time zone that there is: their local days lie between UTC+14 and UTC-12."""
    begins, ends = _date("--from", first), _date("--to", last)
    if begins > ends:
        raise UsageError(f"--from {begins} is after --to {ends}: give the earlier day first")
    if ends > datetime.now(UTC).date():
        raise UsageError(f"--to {ends} is in the future: nothing was sold then yet")
    opens = datetime.combine(begins, time(cutover), UTC) - timedelta(hours=14)
    closes = datetime.combine(ends, time(cutover), UTC) + timedelta(days=1, hours=12)
    return opens, closes


def _date(flag: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{flag} {text}: not a date such as 2026-01-31") from None
    if day.year < 1900:
        raise UsageError(f"{flag} {text}: before 1900 there is nothing that could be read")
    return day


def progress() -> Any:
    """Bars on a terminal; elsewhere the log has one line a table."""
    from pipelines.progress import showing

    return showing(err)


def _finish(outcome: Outcome, *, as_json: bool) -> None:
    from pipelines.extraction import sentences
    from pipelines.status import run_table

    if as_json:
        shown = [concern.facts() for concern in outcome.concerns]
        _print_json(asdict(outcome.record) | {"marts_published": outcome.published, "concerns": shown})
    else:
        out.print(run_table(outcome))
    for sentence in sentences(failure["sentence"] for failure in outcome.record.failures):
        _complain("failed:", sentence)
    for concern in (one for one in outcome.concerns if one.kind != "failed" or not outcome.record.failures):
        _complain(f"{concern.kind}:", concern.sentence)
    if outcome.record.failures or outcome.concerns:
        sys.exit(PARTIAL)


@main.command()
@click.argument("name", default="")
@click.option("--token", help="A token, instead of the browser ('-': read it from standard input).")
@click.option("--refresh-token", help="A refresh token that another app or tool obtained ('-': standard input).")
@click.option("--code", help="An authorization code, or the whole address the browser was sent back to ('-': stdin).")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
@click.option("--shopify", "shop", help="Connect this Shopify store, such as harbor-pine.")
@click.option(
    "--ecwid", "store_id", type=int, help="Connect the Lightspeed eCom E-Series (Ecwid) store of this number."
)
@click.option("--client-id", default="", help="With --shopify: the id of the app that is installed on the store.")
@click.option("--client-secret", default="", help="With --shopify: its secret ('-': standard input).")
@click.option("--with-account", type=int, help="The Lightspeed account of the same retailer [default: the only one].")
@with_settings
def connect(
    settings: Settings,
    name: str,
    token: str | None,
    refresh_token: str | None,
    code: str | None,
    no_browser: bool,
    **store: Any,
) -> None:
    """Connect a Lightspeed account or an online store, under NAME (default: its own)."""
    _refuse_demo(settings)
    given = {"token": token, "refresh_token": refresh_token, "code": code}
    if store["shop"] and store["store_id"]:
        raise UsageError("connect one store at a time: --shopify or --ecwid")
    if store["shop"]:
        store.pop("store_id")
        _connect_shopify(settings, name, given, **store)
    elif store["store_id"]:
        store.pop("shop")
        _connect_ecwid(settings, name, given, **store)
    elif any(store.values()):
        raise UsageError("--client-id, --client-secret and --with-account go with an online store, such as --shopify")
    else:
        _connect_lightspeed(settings, name, given, browse=not no_browser)


def _connect_lightspeed(settings: Settings, name: str, given: dict[str, str | None], *, browse: bool) -> None:
    from pipelines import connecting

    secrets = {kind: _secret(value) for kind, value in given.items() if value}
    if len(secrets) > 1:
        raise UsageError("give one of --token, --refresh-token and --code")

    def announce(url: str) -> None:
        err.print(f"Allow the app in your browser:\n{url}", soft_wrap=True)

    def paste() -> str:
        return str(click.prompt("The address that your browser was sent to", err=True))

    connected = asyncio.run(
        connecting.connect(settings, name=name, secrets=secrets, announce=announce, paste=paste, browse=browse)
    )
    out.print(connecting.connected_view(connected))


def _connect_shopify(
    settings: Settings,
    name: str,
    given: dict[str, str | None],
    *,
    shop: str,
    client_id: str,
    client_secret: str,
    with_account: int | None,
) -> None:
    from pipelines import connecting
    from pipelines.sources.shopify.connecting import Credentials

    if given["refresh_token"] or given["code"] or bool(given["token"]) == bool(client_id and client_secret):
        raise UsageError("a Shopify store takes --client-id with --client-secret, or --token, and nothing else")
    credentials = Credentials(_secret(given["token"] or ""), client_id, _secret(client_secret))
    connected = asyncio.run(connecting.connect_shopify(settings, shop, credentials, name=name, account_id=with_account))
    out.print(connecting.connected_store_view(connected), soft_wrap=True)


def _connect_ecwid(
    settings: Settings,
    name: str,
    given: dict[str, str | None],
    *,
    store_id: int,
    with_account: int | None,
    **others: str | None,
) -> None:
    from pipelines import connecting

    if not given["token"] or given["refresh_token"] or given["code"] or any(others.values()):
        raise UsageError("an E-Series store takes --token with its secret token, and nothing else")
    token = _secret(given["token"])
    connected = asyncio.run(connecting.connect_ecwid(settings, store_id, token, name=name, account_id=with_account))
    out.print(connecting.connected_store_view(connected), soft_wrap=True)


def _secret(value: str) -> str:
    return sys.stdin.readline().strip() if value == "-" else value


@main.command()
@json_option
@with_settings
def accounts(settings: Settings, as_json: bool) -> None:
    """What is connected, its token's state, its last success."""
    from pipelines import status as facts

    rows = facts.accounts(settings)
    _print_json(rows) if as_json else out.print(facts.accounts_table(settings, rows), soft_wrap=True)


@main.command()
@json_option
@with_settings
def status(settings: Settings, as_json: bool) -> None:
    """Freshness, the last runs, their rows and failures."""
    from pipelines import status as facts

    found = facts.status(settings)
    _print_json(found) if as_json else out.print(facts.status_view(found))
    if found["concerns"]:
        sys.exit(PARTIAL)


@main.command()
@json_option
@with_settings
def doctor(settings: Settings, as_json: bool) -> None:
    """Check settings, tokens, scopes, clock, disk and versions, each with its remedy."""
    from pipelines import doctor as checks

    _refuse_demo(settings)
    findings = asyncio.run(checks.examine(settings))
    _print_json([asdict(finding) for finding in findings]) if as_json else out.print(checks.view(findings))
    if any(finding.verdict == "fail" for finding in findings):
        sys.exit(NOTHING_DONE)


@main.command()
@account_option
@click.option("--apply", is_flag=True, help="Write what was found to the account's own settings.")
@click.option("--budget", type=click.IntRange(1, 10_000), help="Drips an account at most [default: 90].")
@json_option
@with_settings
def probe(settings: Settings, accounts: tuple[int, ...], apply: bool, budget: int | None, as_json: bool) -> None:
    """Ask Lightspeed's API what its documentation leaves open."""
    from pipelines import probe as probing

    _refuse_demo(settings)
    probed = asyncio.run(
        probing.examine(settings, accounts, budget=budget or probing.BUDGET, apply=apply, tell=err.print)
    )
    _print_json([one.facts() for one in probed]) if as_json else out.print(probing.view(probed))
    failures = [one.failure for one in probed if one.failure]
    for failure in failures:
        _complain("failed:", failure)
    if failures:
        sys.exit(NOTHING_DONE if len(failures) == len(probed) else PARTIAL)


@main.command()
@click.argument("sql", required=False)
@click.option("--file", "file", type=click.Path(path_type=Path), help="Read the question from a file.")
@click.option(
    "-o", "--output", type=click.Choice(["table", "csv", "json", "parquet"]), default="table", show_default=True
)
@click.option("--to", type=click.Path(path_type=Path), help="Write to this file; parquet needs one.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="Rows that a table shows at most."
)
@click.option(
    "--timeout", type=click.FloatRange(0), default=0, help="Seconds that the question may take [default: any]."
)
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@with_settings
def query(
    settings: Settings,
    sql: str | None,
    file: Path | None,
    output: str,
    as_json: bool,
    to: Path | None,
    limit: int,
    timeout: float,
) -> None:
    """Ask the published file in SQL."""
    from pipelines import query as asking

    if (sql is None) == (file is None):
        raise UsageError("give one question: SQL in quotes, or --file with a .sql file")
    output = "json" if as_json else output
    asking.ask(settings, asking.question(sql, file), output=output, to=to, limit=limit, console=out, timeout=timeout)


@main.command()
@account_option
@json_option
@click.option(
    "--limit", type=click.IntRange(1), default=40, show_default=True, help="Rows that the table shows at most."
)
@with_settings
def channel_profile(settings: Settings, accounts: tuple[int, ...], as_json: bool, limit: int) -> None:
    """An account's references, tenders, registers and customers, to confirm the seeds by."""
    from pipelines import channel_profile as facts

    found = facts.profile(settings, accounts)
    _print_json(found) if as_json else out.print(facts.profile_view(settings, found, limit=limit), soft_wrap=True)


@main.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=8787, show_default=True, help="0 takes a free one.")
@click.option("--world", type=click.Path(path_type=Path), help="Keep the world in this file [default: in memory].")
@click.option("--sales", type=click.IntRange(1), default=12_000, show_default=True, help="How large a new world is.")
@click.option("--days", type=click.IntRange(1), default=730, show_default=True, help="How many days it has traded.")
@click.option("--ends", help="The last day that it has traded (YYYY-MM-DD) [default: yesterday].")
@click.option("--seed", type=int, default=1, show_default=True, help="Which world it is.")
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Multiplies the rate limit.",
)
def sandbox(port: int, world: Path | None, ends: str | None, speed: float, **plan: Any) -> None:
    """Serve a faithful fake of Lightspeed's API on this machine."""
    from pipelines.sandbox.command import serve_world
    from pipelines.sandbox.world import Plan

    def announce(line: str) -> None:
        click.echo(line, err=True)

    last = _date("--ends", ends) if ends else datetime.now(UTC).date() - timedelta(days=1)
    serve_world(port=port, path=world, plan=Plan(**plan, ends=last), speed=speed, announce=announce)


@main.command()
@click.option(
    "--sales", type=click.IntRange(1), default=12_000, show_default=True, help="How large the sandbox's world is."
)
@click.option("--fresh", is_flag=True, help="Forget the demo's earlier nights and begin again.")
@json_option
@with_settings
def demo(settings: Settings, sales: int, fresh: bool, as_json: bool) -> None:
    """Start the sandbox, run everything against it, print the marts' headline."""
    from pipelines import demo as show

    with progress() as report:
        shown = show.play(settings, sales=sales, fresh=fresh, report=report)
    _print_json(shown.facts()) if as_json else out.print(shown.view(), soft_wrap=True)
    if shown.differences:
        sys.exit(NOT_PUBLISHED)


def _refuse_demo(settings: Settings) -> None:
    from pipelines.demo import world_file

    if world_file(settings).exists():
        raise UsageError(
            f"{settings.tillhouse_data_dir} holds the demo's world, not yours: "
            "set TILLHOUSE_DATA_DIR to another folder, or type `tillhouse demo` for the demo's next night"
        )


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, default=str))


if __name__ == "__main__":
    main()
