"""The nightly run: extract, load, transform, publish; the only module that sees dlt."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from pipelines import (
    building,
    concerns,
    decided,
    explaining,
    held,
    landing,
    locks,
    logs,
    modes,
    project_files,
    publication,
    published,
    reconciling,
    stopping,
    transformation,
    warehouse,
)
from pipelines.bookkeeping import Book, TableRecord
from pipelines.concerns import Concern
from pipelines.containment import Verdict, read_verdict
from pipelines.errors import (
    AuthError,
    LoadError,
    SettingsError,
    TillhouseError,
    TransformError,
    UsageError,
)
from pipelines.extraction import REFRESH, Cursor, Extraction, Failure, Slice, Tally, sentences, summary
from pipelines.landing import Landing
from pipelines.loads import Loads
from pipelines.privacy import Patterns, Privacy
from pipelines.rates import euro_rates
from pipelines.settings import Settings
from pipelines.sources import interrupted
from pipelines.sources.lightspeed import source as lightspeed
from pipelines.sources.tokens import TokenStore, salt_of
from pipelines.sources.vendors import VENDORS, Vendor
from pipelines.warehouse import Ledger, RunRecord

if TYPE_CHECKING:
    from dlt import Pipeline
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
    from duckdb import DuckDBPyConnection

    from pipelines.sources.source import Load

SALES = frozenset({"sale", "customer_order", "tokens"})
"""Tables that an account has nothing to say without."""

MOMENT, TICK = "%Y%m%dT%H%M%S.%f", timedelta(microseconds=1)
"""How a run's id begins, and what two of them are apart at least."""

log = logging.getLogger("tillhouse")


@dataclass(frozen=True)
class Options:
    """What a run was asked for beyond the settings."""

    accounts: tuple[int, ...] = ()
    tables: tuple[str, ...] = ()
    since: str | None = None
    full_refresh: bool = False
    between: tuple[datetime, datetime] | None = None
    """Only the sales of this time are read again, and no cursor moves."""
    publish_anyway: bool = False
    """Publish numbers that differ from Lightspeed's own without an explanation, and write that down."""
    transport: httpx.AsyncBaseTransport | None = None
    """Stands in for the network in tests."""


@dataclass
class Report:
    """What a command may show while a run goes on; each is called from any thread."""

    tally: Callable[[Tally], None] = lambda _: None
    step: Callable[[str], None] = lambda _: None


@dataclass
class Extracted:
    """What the extraction of a run brought."""

    accounts: list[int] = field(default_factory=list)
    tables: list[TableRecord] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def add(self, records: Iterable[TableRecord]) -> None:
        """*records*; a table that is read twice in a run has one."""
        known = {(one.source, one.account_id, one.table): one for one in self.tables}
        for record in records:
            if first := known.get((record.source, record.account_id, record.table)):
                first.add(record)
            else:
                self.tables.append(record)

    @property
    def failed_accounts(self) -> set[int]:
        return {failure.account_id for failure in self.failures}

    @property
    def accounts_unread(self) -> set[int]:
        """Those whose sales were not read to their end: Lightspeed's totals of them say what is not here yet."""
        return {failure.account_id for failure in self.failures if failure.table in SALES}


@dataclass(frozen=True)
class Outcome:
    """How a run ended; *published* is the number of marts in the published file, None where it was left as it is."""

    record: RunRecord
    published: int | None = None
    concerns: tuple[Concern, ...] = ()
    """What the published marts say is withheld, marked, held, failed or stale."""


def night(settings: Settings, options: Options, report: Report, *, command: str = "run") -> Outcome:
    """Extract, load, transform and publish; what some accounts miss does not keep back the rows of the others.

    Raises TillhouseError where nothing could be done, and TransformError where the numbers did not hold.
    """
    with recorded(settings, command) as record:
        parsing = transformation.parse_in_background(settings)
        extracted = _extract(settings, options, report, record)
        parsing.join()
        _refuse_without_sales(extracted, record)
        report.step("transform")
        _transform(settings, record)
        report.step("reconcile")
        _reconcile(settings, options, report, record, extracted)
        report.step("publish")
        outcome = _publish(settings, record, anyway=options.publish_anyway)
        _forget_old_rows(settings)
        return outcome


def _forget_old_rows(settings: Settings) -> None:
    """What is published is published: rows that are kept too long are deleted by the next night."""
    try:
        landing.forget(settings.landing_dir, older_than=settings.tillhouse_landing_days)
    except OSError as error:
        log.warning(
            "rows older than TILLHOUSE_LANDING_DAYS could not be deleted (%s: %s); the next run tries again",
            error.filename,
            error.strerror,
        )


def _refuse_without_sales(extracted: Extracted, record: RunRecord) -> None:
    """A night on which no account's sales were read to their end has nothing new to say."""
    if extracted.accounts_unread >= set(extracted.accounts):
        raise TillhouseError(
            f"no account's sales could be read to their end, so nothing was published; what came is kept, and the next "
            f"run goes on behind it: {record.message}"
        )


def extract(settings: Settings, options: Options, report: Report) -> Outcome:
    """Bring what changed into the raw tables, and no further."""
    with recorded(settings, "extract") as record:
        extracted = _extract(settings, options, report, record)
        record.status = "partial" if extracted.failures else "ok"
        return Outcome(record)


def transform(settings: Settings) -> Outcome:
    """Rebuild and test the marts from the raw tables; TransformError where nothing of them can be published."""
    with recorded(settings, "transform") as record:
        _finish_interrupted(settings)
        verdict = _transform(settings, record)
        if stop := verdict.stop():
            raise TransformError(f"nothing new can be published: {stop}")
        found = concerns.of_verdict(verdict)
        record.status, record.message = "partial" if found else "ok", concerns.summary(found)
        return Outcome(record, concerns=tuple(found))


def publish(settings: Settings, *, anyway: bool = False) -> Outcome:
    """Publish the marts that the last transform built and tested."""
    with recorded(settings, "publish") as record:
        transformation.refuse_untested(settings)
        return _publish(settings, record, anyway=anyway)


def _publish(settings: Settings, record: RunRecord, *, anyway: bool) -> Outcome:
    """Publish the accounts that passed the last build. The run ends `partial` if there is a concern.

    TransformError where that is nothing but the marts that tell of runs. With *anyway* differences pass.
    """
    record.published_anyway = anyway and bool(reconciling.unexplained(settings.work_file))
    verdict = _passed(settings, record, anyway=anyway)
    stop, found = verdict.stop(), list[Concern]()

    def tell(connection: DuckDBPyConnection) -> None:
        found.extend(concerns.read(connection, settings))
        record.status = "failed" if stop else "partial" if found else "ok"
        others = concerns.summary(concern for concern in found if concern.kind != "failed")
        record.message = "; ".join(part for part in (record.message, others) if part)
        record.finished_at = _now()
        known = ledger(settings).records()[-warehouse.RUNS_WITH_TABLES :]
        warehouse.tell_endings(connection, [*known, record])

    marts = publication.publish(settings, verdict, record.started_at, tell)
    if stop:
        raise TransformError(f"nothing new was published: {stop}")
    return Outcome(record, marts, tuple(found))


def _passed(settings: Settings, record: RunRecord, *, anyway: bool) -> Verdict:
    """The verdict of the last build; with *anyway* without its differences, which the record then names."""
    verdict = read_verdict(transformation.tested_mark(settings))
    differences = [fault for fault in verdict.faults if fault.is_difference]
    if not anyway or not differences:
        return verdict
    record.published_anyway = True
    told = summary(f"account {fault.account_id}: {fault.sentence}" for fault in differences)
    record.message = "; ".join(part for part in (record.message, f"published anyway: {told}") if part)
    return verdict.without_differences()


def replay(settings: Settings, report: Report) -> Outcome:
    """Rebuild the raw tables from the landing zone alone; until all of them are rebuilt the old ones stay."""
    from pipelines.sources.source import last_load

    with recorded(settings, "replay") as record:
        fresh = settings.model_copy(update={"tillhouse_data_dir": _scratch(settings) / "replayed"})
        loads = {name: _loads(settings, name) for name in VENDORS}
        if settings.work_file.exists():
            _finish_interrupted(settings)
            for name in VENDORS:
                loads[name].settle(last_load(_pipeline(settings, name).state, name))
        vendors = {name: vendor for name, vendor in VENDORS.items() if loads[name]}
        if not vendors:
            raise TillhouseError(f"{settings.landing_dir} holds no load to replay: run `tillhouse run` first")
        for name, vendor in vendors.items():
            _rebuild(settings, fresh, name, vendor, loads[name], record, report)
        _ensure_tables(fresh)
        for name, vendor in vendors.items():
            _settle(fresh, name, vendor)
        transformation.tested_mark(settings).unlink(missing_ok=True)
        for name in vendors:
            # What dlt remembers goes with the rows: it is read again from the tables that come in.
            shutil.rmtree(_pipeline_folder(settings, name), ignore_errors=True)
        warehouse.replace_schemas(settings.work_file, fresh.work_file, [_schema(name) for name in vendors])
        record.status = "ok"
        return Outcome(record)


def _rebuild(
    settings: Settings, fresh: Settings, name: str, vendor: Vendor, loads: Loads, record: RunRecord, report: Report
) -> None:
    from pipelines.replay import batches

    scratch = fresh.tillhouse_data_dir / "scratch"
    landed = Landing(settings.landing_dir / name, scratch, record.run_id, privacy=_privacy(settings, vendor))
    pipeline = _pipeline(fresh, name)
    for batch in batches(vendor, landed, loads):
        report.step("load")
        _run_load(name, batch, pipeline, landed)
        record.rows_loaded += sum(load.part.rows for load in batch)
        for path in scratch.glob("*.parquet"):
            path.unlink()


def ledger(settings: Settings) -> Ledger:
    return Ledger(settings.logs_dir / "runs.jsonl")


@contextmanager
def recorded(settings: Settings, command: str) -> Iterator[RunRecord]:
    """Hold the data directory for a run, and write down how it ended, whichever way."""
    run_id = f"{_after_every_run(settings):{MOMENT}}-{os.getpid()}"
    record = RunRecord(run_id, command, datetime.now(UTC).isoformat(timespec="seconds"))
    locks.Waiting.seconds = settings.tillhouse_wait_seconds
    with modes.owner_only(), warehouse.only_run(settings.tillhouse_data_dir, ledger(settings), record):
        try:
            modes.tighten(settings.tillhouse_data_dir, {settings.warehouse_file})
            # What a killed run left there; dlt has links of its own to what it packed.
            shutil.rmtree(_scratch(settings), ignore_errors=True)
            with explaining.plainly(settings.tillhouse_data_dir):
                publication.settle(settings)
                yield record
        except BaseException as error:
            record.status = "failed"
            is_told = isinstance(error, (TillhouseError, stopping.Stopped))
            record.message = str(error) if is_told else type(error).__name__
            raise
        finally:
            record.finished_at = _now()
            ledger(settings).append(record)
            shutil.rmtree(_scratch(settings), ignore_errors=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _after_every_run(settings: Settings) -> datetime:
    """Now, or just after the newest run: by their ids rows are older than a full read, whatever the clock does."""
    loads = [newest for name in VENDORS if (newest := _loads(settings, name).newest())]
    runs = [*(record.run_id for record in ledger(settings).records()), *(load.run_id for load in loads)]
    return max([datetime.now(UTC), *(began + TICK for run_id in runs if (began := _began(run_id)))])


def _began(run_id: str) -> datetime | None:
    """The moment that *run_id* begins with."""
    try:
        return datetime.strptime(run_id.partition("-")[0], MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None


@dataclass(frozen=True)
class Reading:
    """One vendor's accounts that a run reads."""

    name: str
    vendor: Vendor
    accounts: list[int]
    connections: list[Any]
    unusable: list[Failure]


def _extract(settings: Settings, options: Options, report: Report, record: RunRecord) -> Extracted:
    project_files.check(settings)
    readings = _readings(settings, options)
    _finish_interrupted(settings)
    extracted = Extracted([account_id for reading in readings for account_id in reading.accounts])
    record.accounts = len(extracted.accounts)
    for reading in readings:
        _read(settings, options, report, record, reading, extracted)
    _note(record, extracted)
    _ensure_tables(settings)
    for reading in readings:
        _settle(settings, reading.name, reading.vendor)
    if extracted.failed_accounts >= set(extracted.accounts) and not record.rows_loaded:
        raise TillhouseError(record.message)
    return extracted


def _read(
    settings: Settings, options: Options, report: Report, record: RunRecord, reading: Reading, extracted: Extracted
) -> None:
    from pipelines.sources import source

    pipeline, loads = _pipeline(settings, reading.name), _loads(settings, reading.name)
    loads.settle(source.last_load(pipeline.state, reading.name))
    landed = _landing(settings, reading, record.run_id, loads)
    known = source.cursors_of(pipeline.state, reading.name)
    cursors = _from_nothing(reading, record) if options.full_refresh else known
    book = Book(reading.name, settings.work_file, cursors)
    tallies, tally = _tallying(report)
    report.step("extract")
    extraction = reading.vendor.extraction(
        settings,
        reading.connections,
        landed,
        cursors,
        since=options.since,
        between=options.between,
        tables=tuple(table for table in options.tables if table in reading.vendor.selectable()),
        report=tally,
        transport=options.transport,
    )
    _load(reading.name, extraction, pipeline, landed, loads, book, report)
    extracted.add(book.closed(extraction, tallies))
    extracted.failures += [*extraction.failures, *reading.unusable]
    if reading.name == "lightspeed" and (not options.tables or "sale" in options.tables):
        _ensure_tables(settings)
        read = set(reading.accounts) - extracted.accounts_unread
        days = reconciling.days_to_ask(settings.work_file, record.run_id, settings.lightspeed_report_days, read)
        _control(settings, options, report, extracted, reading, pipeline, landed, loads, days)


def _control(
    settings: Settings,
    options: Options,
    report: Report,
    extracted: Extracted,
    reading: Reading,
    pipeline: Pipeline,
    landed: Landing,
    loads: Loads,
    days: reconciling.Days,
) -> None:
    """Lightspeed's own totals of *days*; read once their sales are loaded, so that neither is older than it says."""
    book = Book(reading.name, settings.work_file, {})
    tallies, tally = _tallying(report)
    totals = lightspeed.control(settings, reading.connections, landed, days, report=tally, transport=options.transport)
    _load(reading.name, totals, pipeline, landed, loads, book, report)
    extracted.add(book.closed(totals, tallies))
    extracted.failures += totals.failures


def _tallying(report: Report) -> tuple[dict[tuple[int, str], Tally], Callable[[Tally], None]]:
    """The latest of each account and table, and what is told of them."""
    tallies: dict[tuple[int, str], Tally] = {}

    def tally(latest: Tally) -> None:
        tallies[latest.account_id, latest.table] = latest
        report.tally(latest)

    return tallies, tally


def _from_nothing(reading: Reading, record: RunRecord) -> dict[str, dict[str, Cursor]]:
    """Cursors that know nothing but since when: at the end of each walk what is older is gone at the source."""
    return {
        str(account_id): {table: {REFRESH: record.run_id} for table in reading.vendor.selectable()}
        for account_id in reading.accounts
    }


def _load(
    vendor: str,
    extraction: Extraction,
    pipeline: Pipeline,
    landed: Landing,
    loads: Loads,
    book: Book,
    report: Report,
) -> None:
    for part in extraction.slices():
        report.step("load")
        book.note(part)
        _load_slice(vendor, part, pipeline, landed, loads)
        book.arrived(part)
        report.step("extract")
    for sentence in sentences(failure.sentence for failure in extraction.failures):
        log.error("%s", sentence)


def _load_slice(vendor: str, part: Slice, pipeline: Pipeline, landed: Landing, loads: Loads) -> None:
    from pipelines.sources.source import Load

    number = loads.begin(landed, part)
    _run_load(vendor, [Load(number, landed.run_id, part)], pipeline, landed)
    loads.done(number)


def _run_load(vendor: str, batch: list[Load], pipeline: Pipeline, landed: Landing) -> None:
    from dlt.pipeline.exceptions import PipelineStepFailed

    from pipelines.sources.source import source_of

    started = time.monotonic()
    try:
        pipeline.run(source_of(vendor, batch, landed)).raise_on_failed_jobs()
    except PipelineStepFailed as error:
        stopping.check()
        pipeline.abort_packages()
        if explaining.explained(error, landed.folder):
            raise  # Told where the run ends.
        kind = type(error.__cause__ or error).__name__
        raise LoadError(
            f"rows could not be loaded ({error.step}, {kind}): the next run fetches them again; "
            "if it fails as well, report it with the log"
        ) from error
    rows = sum(load.part.rows for load in batch)
    log.info("loaded a slice of %s rows in %.1f s", rows, time.monotonic() - started)


def _note(record: RunRecord, extracted: Extracted) -> None:
    record.tables = [asdict(table) for table in extracted.tables]
    # What fails at night and again while it is healed is one failure.
    record.failures = [asdict(failure) for failure in dict.fromkeys(extracted.failures)]
    record.accounts_failed = len(extracted.failed_accounts)
    record.requests = sum(table.requests for table in extracted.tables)
    record.rows_loaded = sum(table.rows for table in extracted.tables if table.pages)
    record.rejected_values = sum(table.rejected for table in extracted.tables)
    record.message = summary(failure.sentence for failure in extracted.failures)
    for one in extracted.tables:
        log.info("account %s, %s: %s rows in %s requests", one.account_id, one.table, one.rows, one.requests)


def _pipeline(settings: Settings, vendor: str) -> Pipeline:
    """The vendor's pipeline, with the schema and the cursors that the work file holds beside its rows.

    The folder of the pipeline may know of other cursors, of a work file that is gone: unless packages wait in it, it is
    made anew.
    """
    import dlt

    from pipelines.destination import Destination

    dlt.config["runtime.dlthub_telemetry"] = False
    # Else every load leaves its rows behind, with whoever they name.
    dlt.config["load.delete_completed_jobs"] = True
    folder = _pipeline_folder(settings, vendor)
    if not settings.work_file.exists() or not interrupted.has_packages(folder):
        shutil.rmtree(folder, ignore_errors=True)
    settings.tillhouse_data_dir.mkdir(parents=True, exist_ok=True)
    with warehouse.opened(settings.work_file):
        pass  # A file that another program holds is told of here: dlt would take it for an empty one.
    pipeline = dlt.pipeline(
        vendor,
        pipelines_dir=str(folder.parent),
        destination=Destination(_credentials(settings)),
        dataset_name=_schema(vendor),
    )
    # Its own lines have traces, which quote values. It set its level when it was imported, whatever was set before.
    logging.getLogger("dlt").setLevel(logs.QUIET["dlt"])
    _take_over(pipeline, settings)
    return pipeline


def _take_over(pipeline: Pipeline, settings: Settings) -> None:
    """Let *pipeline* read the schema and the cursors of the work file. Raises LoadError where they cannot be read."""
    from dlt.pipeline.exceptions import PipelineStepFailed

    folder = settings.tillhouse_data_dir
    try:
        pipeline.sync_destination()
    except PipelineStepFailed as error:
        stopping.check()
        raise explaining.explained(error, folder) or explaining.damaged(settings.work_file) from error


def _pipeline_folder(settings: Settings, vendor: str) -> Path:
    return settings.tillhouse_data_dir.absolute() / "dlt" / vendor


def _credentials(settings: Settings) -> DuckDbCredentials:
    """The work file, with a bound: DuckDB would take most of the machine's memory for a large merge."""
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

    credentials = DuckDbCredentials(str(settings.work_file.absolute()))
    credentials.global_config = {"memory_limit": warehouse.MEMORY_LIMIT}
    return credentials


def _finish_interrupted(settings: Settings) -> None:
    """Load what a killed run had fetched: its cursors may have moved, and its tables be half merged.

    What is damaged is given up: the cursors beside the rows in the work file have not moved, so it is fetched again.
    """
    for vendor in VENDORS:
        if interrupted.has_packages(_pipeline_folder(settings, vendor)):
            log.info("%s: loading what an interrupted run had fetched", vendor)
            _load_interrupted(settings, vendor)


def _load_interrupted(settings: Settings, vendor: str) -> None:
    from dlt.common.exceptions import DltException

    folder = _pipeline_folder(settings, vendor)
    try:
        interrupted.rewind(folder)
        _pipeline(settings, vendor).run()
    except (DltException, ValueError, OSError) as error:
        stopping.check()
        if explaining.is_disk_full(error) or locks.is_held(error):
            raise
        cause = type(error.__cause__ or error).__name__
        log.warning("%s: what an interrupted run had fetched is damaged and fetched again (%s)", vendor, cause)
        shutil.rmtree(folder)


def _readings(settings: Settings, options: Options) -> list[Reading]:
    """What is asked of whom; SettingsError where nothing is connected, UsageError for a name of none."""
    stores = {name: vendor.token_store(settings) for name, vendor in VENDORS.items()}
    known = [account_id for store in stores.values() for account_id in store.account_ids()]
    _refuse_unknown(known, options)
    readings = []
    for name, vendor in VENDORS.items():
        if options.tables and not set(options.tables) & set(vendor.selectable()):
            continue
        accounts = [one for one in stores[name].account_ids() if not options.accounts or one in options.accounts]
        connections, unusable = _loaded(stores[name], accounts)
        if accounts:
            readings.append(Reading(name, vendor, accounts, connections, unusable))
    return readings


def _refuse_unknown(known: list[int], options: Options) -> None:
    if not known:
        raise SettingsError(
            "no account is connected: run `tillhouse connect`, or `tillhouse demo` to look around first"
        )
    if missing := sorted(set(options.accounts) - set(known)):
        raise UsageError(f"account {missing[0]} is not connected; connected: {', '.join(map(str, known))}")
    tables = dict.fromkeys(table for vendor in VENDORS.values() for table in vendor.selectable())
    if strange := sorted(set(options.tables) - tables.keys()):
        raise UsageError(f"{strange[0]!r} is not a table that is read; they are: {', '.join(tables)}")


def _loaded(store: TokenStore[Any], accounts: list[int]) -> tuple[list[Any], list[Failure]]:
    """The connections that can be used, and a failure for each that cannot: it must not cost the others their night."""
    connections, failures = list[Any](), list[Failure]()
    for account_id in accounts:
        try:
            connections.append(store.load(account_id))
        except AuthError as error:
            failures.append(Failure(account_id, "tokens", str(error)))
    return connections, failures


def _schema(vendor: str) -> str:
    return f"raw_{vendor}"


def _ensure_tables(settings: Settings) -> None:
    """Every vendor's tables, connected or not: the models read them all."""
    from pipelines.sources.source import column_types, note_types

    for name, vendor in VENDORS.items():
        types = {table.name: column_types(table) for table in vendor.raw_tables()} | note_types()
        warehouse.ensure_tables(settings.work_file, _schema(name), types)


def _settle(settings: Settings, name: str, vendor: Vendor) -> None:
    """What a full refresh did not meet again is not at the source any more, and no doubt of a row outlives it."""
    schema, tables = _schema(name), vendor.raw_tables()
    kept = {table.name for table in tables if table.keeps_gone}
    read_by = {table.name: table.read_with or table.name for table in tables}
    keys = {table.name: table.key for table in tables}
    warehouse.drop_gone(
        settings.work_file,
        schema,
        {table: by for table, by in read_by.items() if by not in kept},
        {table.name: table.merge_on for table in tables},
    )
    warehouse.settle_rejected(settings.work_file, schema, keys)
    warehouse.settle_held(settings.work_file, schema, keys, kept)


def _loads(settings: Settings, vendor: str) -> Loads:
    return Loads(settings.landing_dir / vendor)


def _landing(settings: Settings, reading: Reading, run_id: str, loads: Loads) -> Landing:
    """Where *run_id*'s rows land; they are later than those of every load before, as its id is."""
    privacy, newest = _privacy(settings, reading.vendor), loads.newest()
    landed = Landing(
        settings.landing_dir / reading.name,
        _scratch(settings),
        run_id,
        privacy=privacy,
        known=held.known(warehouse.held_rows(settings.work_file, _schema(reading.name))),
    )
    if newest:
        landed.started_at = max(landed.started_at, datetime.fromisoformat(newest.loaded_at) + TICK)
    return landed


def _privacy(settings: Settings, vendor: Vendor) -> Privacy:
    return Privacy(
        settings.lightspeed_pii,
        vendor.personal(),
        Patterns.of(settings),
        salt_of(settings.tokens_dir) if settings.lightspeed_pii == "hash" else b"",
    )


def _transform(settings: Settings, record: RunRecord) -> Verdict:
    """Build and test every model and return the verdict. The mark of a tested build comes last."""
    if not settings.work_file.exists():
        raise TillhouseError(f"{settings.work_file} does not exist yet: run `tillhouse extract` first")
    transformation.tested_mark(settings).unlink(missing_ok=True)
    _ensure_tables(settings)
    warehouse.write_ledger(settings.work_file, [*ledger(settings).records(), record])
    decided.hand_over(settings)
    warehouse.write_stores(settings.work_file, _online_stores(settings))
    warehouse.write_rates(settings.work_file, euro_rates() if settings.tillhouse_reporting_currency else ())
    published.remember(settings.work_file, settings.memory_file)
    return building.build(settings)


def _reconcile(settings: Settings, options: Options, report: Report, record: RunRecord, extracted: Extracted) -> None:
    """Fetch again, once, what differs from Lightspeed's own totals by a proven reading.

    Skips accounts whose sales extraction failed: their rows are missing, not wrong.
    """
    verdict = read_verdict(transformation.tested_mark(settings))
    if verdict.unbuilt or verdict.of_no_account():
        return
    found = reconciling.worth_healing(settings.work_file, without=extracted.accounts_unread)
    if not found:
        return
    log.warning("fetching again what differs from Lightspeed's own totals: %s", reconciling.sentence(found))
    reconciling.remember_healed(settings.work_file, found)
    _heal(settings, options, report, record, extracted, found)
    report.step("transform")
    _transform(settings, record)


def _heal(
    settings: Settings,
    options: Options,
    report: Report,
    record: RunRecord,
    extracted: Extracted,
    differences: list[reconciling.Difference],
) -> None:
    """Fetch the days in question again, sales first and then their reports."""
    days, sales = reconciling.days_of(differences, settings.lightspeed_report_days)
    reading = next(one for one in _readings(settings, Options()) if one.name == "lightspeed")
    pipeline, loads = _pipeline(settings, reading.name), _loads(settings, reading.name)
    run_id = f"{record.run_id}-again"
    landed = _landing(settings, reading, run_id, loads)
    book = Book(reading.name, settings.work_file, {})
    tallies, tally = _tallying(report)
    report.step("extract")
    read_again = lightspeed.again(
        settings,
        reading.connections,
        landed,
        days,
        sales,
        report=tally,
        transport=options.transport,
    )
    _load(reading.name, read_again, pipeline, landed, loads, book, report)
    extracted.add(book.closed(read_again, tallies))
    extracted.failures += read_again.failures
    moved = reconciling.days_to_ask(settings.work_file, run_id, 0, days)
    asked = {account_id: days[account_id] | moved.get(account_id, set()) for account_id in days}
    _control(settings, options, report, extracted, reading, pipeline, landed, loads, asked)
    _note(record, extracted)


def _online_stores(settings: Settings) -> list[list[Any]]:
    """Each connected online store with its retailer's Lightspeed account; one whose file is no good is left out."""
    rows = []
    for name, vendor in VENDORS.items():
        store = vendor.token_store(settings)
        connections, _ = _loaded(store, store.account_ids()) if name != "lightspeed" else ([], [])
        rows += [[name, one.account_id, one.name, one.lightspeed_account_id] for one in connections]
    return rows


def _scratch(settings: Settings) -> Path:
    return settings.tillhouse_data_dir / "scratch"
