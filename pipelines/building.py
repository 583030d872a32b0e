"""The verdict on a build: models are built, tests run on them, and each failure is put down to its accounts."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

import duckdb

from pipelines import checks, transformation, warehouse
from pipelines.containment import Fault, Verdict
from pipelines.errors import ProjectError
from pipelines.retailers import Retailers, read_retailers
from pipelines.settings import Settings
from pipelines.transformation import Failed, Results, Without

MOST_BUILDS = 60
"""Builds that the search for one failure's accounts may take; what it has narrowed down by then is withheld."""

log = logging.getLogger("tillhouse")


def build(settings: Settings) -> Verdict:
    """Build and test every model and return the verdict, which is kept for the publication.

    A project that dbt cannot read is a fault of no account: every mart stays as it was published.
    """
    build = _Build(settings)
    try:
        verdict = build.verdict()
    except ProjectError as error:
        verdict = build.nothing_built(str(error))
    verdict.write(transformation.tested_mark(settings))
    return verdict


@dataclass
class _Build:
    """One build, and the accounts that it has to leave out."""

    settings: Settings
    left_out: dict[int, Fault] = field(default_factory=dict)
    _retailers: Retailers | None = None

    @property
    def retailers(self) -> Retailers:
        """Read once something fails: a night without a fault needs no list of accounts."""
        if self._retailers is None:
            self._retailers = read_retailers(self.settings.work_file)
        return self._retailers

    @property
    def without(self) -> Without:
        return self.retailers.raw_accounts(self.left_out) if self.left_out else {}

    def verdict(self) -> Verdict:
        """Build and test, each time without the accounts found so far, until every model and test can run."""
        while True:
            built = transformation.build_models(self.settings, self.without)
            tested = Results() if built.failed else transformation.run_tests(self.settings, self.without)
            faults, unable = self._judge(tested)
            unable = [*built.failed, *unable]
            if not unable:
                return self._verdict(faults)
            log.warning("%s; looking for the account whose rows it fails on", unable[0].sentence)
            culprits = _Search(self, unable[0]).culprits()
            if not culprits:
                of_none = Fault(None, unable[0].label, unable[0].reason)
                return self._verdict([of_none], [*(one.name for one in built.failed), *built.skipped])
            self.left_out |= {one: Fault(one, unable[0].label, unable[0].reason) for one in culprits}

    def nothing_built(self, reason: str) -> Verdict:
        """The verdict on a project that cannot be built."""
        with warehouse.opened(self.settings.work_file, read_only=True) as connection:
            marts = warehouse.marts(connection)
        return Verdict((Fault(None, "the models cannot be built", reason),), frozenset(self._accounts()), {}, marts)

    def _judge(self, tested: Results) -> tuple[list[Fault], list[Failed]]:
        """The faults that failing tests find, and the tests that cannot run or name no account."""
        faults, unable = list[Fault](), list[Failed]()
        if tested.failed:
            with warehouse.opened(self.settings.work_file, read_only=True) as connection:
                for failed in tested.failed:
                    try:
                        faults += [] if failed.is_error else checks.faults(connection, failed, self.retailers)
                    except duckdb.Error as error:
                        reason = transformation.without_values(str(error).splitlines()[0])
                        failed = replace(failed, is_error=True, reason=reason)  # noqa: PLW2901
                    unable += [failed] if failed.is_error else []
        return faults, unable

    def _verdict(self, faults: list[Fault], unbuilt: list[str] | None = None) -> Verdict:
        faults = [*self.left_out.values(), *faults]
        accounts = self._accounts() if faults else set()
        return Verdict(tuple(faults), frozenset(accounts), self.without, frozenset(unbuilt or ()))

    def _accounts(self) -> set[int]:
        """Every retailer that could be published tonight."""
        with warehouse.opened(self.settings.work_file, read_only=True) as connection:
            there = warehouse.has_mart(connection, "published_accounts")
            sql = f"select account_id from {warehouse.MARTS}.published_accounts"
            found = connection.execute(sql).fetchall() if there else []
        return {account_id for (account_id,) in found} | self.left_out.keys()


@dataclass
class _Search:
    """Which accounts' rows one model or test fails on: it is built with some of them at a time."""

    build: _Build
    failed: Failed
    builds: int = 0

    def culprits(self) -> list[int]:
        """The accounts to leave out; none where it fails without any account, or on the machine."""
        accounts = [one for one in self.build.retailers.everyone() if one not in self.build.left_out]
        if self.failed.is_of_the_machine or self._fails([]):
            return []
        return self._among(accounts) or self._first_without_whom(accounts)

    def _among(self, accounts: list[int]) -> list[int]:
        """The culprits among *accounts*: the node is built with each half, down to one account."""
        if len(accounts) < 2 or self.builds >= MOST_BUILDS:
            return accounts
        middle = len(accounts) // 2
        halves = (accounts[:middle], accounts[middle:])
        return [culprit for half in halves if self._fails(half) for culprit in self._among(half)]

    def _first_without_whom(self, accounts: list[int]) -> list[int]:
        """The first account without which it builds, where it fails only on rows of several accounts."""
        for account_id in accounts:
            if self.builds < MOST_BUILDS and not self._fails([one for one in accounts if one != account_id]):
                return [account_id]
        return []

    def _fails(self, accounts: list[int]) -> bool:
        self.builds += 1
        settings, retailers = self.build.settings, self.build.retailers
        without = retailers.raw_accounts(set(retailers.everyone()) - set(accounts))
        built = transformation.build_models(settings, without, select=f"+{self.failed.name}")
        if built.failed or self.failed.kind != "test":
            return bool(built.failed)
        return bool(transformation.run_tests(settings, without, select=self.failed.name).failed)
