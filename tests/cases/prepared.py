"""One work file with many accounts: copies of a world's account, each with reports of another meaning."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipelines import checks, decided, publication, published, reconciling, transformation, warehouse
from pipelines.containment import Fault, Verdict
from pipelines.retailers import read_retailers
from pipelines.sandbox.reports import REPORTS, ReportKnobs, Reports
from pipelines.sandbox.store import Store
from pipelines.settings import Settings, read_settings

RAW = "raw_lightspeed"

COLUMNS = {
    "TaxClassSalesByDay": (
        "report_sales",
        {
            "tax_class_id": "taxClassID",
            "tax_class_name": "taxClassName",
            "subtotal": "subtotal",
            "fifo_cost": "fifoCost",
            "avg_cost": "avgCost",
        },
    ),
    "TaxesByDay": (
        "report_tax",
        {"tax_category_id": "taxCategoryID", "tax_category_name": "taxCategoryName", "tax": "tax"},
    ),
    "DiscountsByDay": ("report_discount", {"discount": "discount"}),
    "PaymentsByDay": (
        "report_payment",
        {"payment_type_id": "paymentTypeID", "payment_type_name": "paymentTypeName", "amount": "amount"},
    ),
}
"""Each report's raw table, and its fields by column."""

MODELS = (
    "+reconciliation_daily",
    "+reconciliation_readings",
    "int_lightspeed__reconciled_days",
    "int_lightspeed__reconciliation_findings",
)


@dataclass
class Prepared:
    """A work file after an extraction, and the world that it came from."""

    settings: Settings
    store: Store

    @classmethod
    def of(cls, work_file: Path, store: Store, folder: Path) -> Prepared:
        """A copy of *work_file* in *folder*."""
        folder.mkdir(parents=True)
        settings = read_settings(tillhouse_data_dir=folder)
        shutil.copy(work_file, settings.work_file)
        return cls(settings, store)

    def connection(self) -> Any:
        return warehouse.opened(self.settings.work_file)

    def clone(self, account_id: int, copy_id: int, knobs: ReportKnobs | None = None) -> None:
        """Add an account *copy_id* with the rows of *account_id*, and with reports that mean what *knobs* say."""
        self.clone_all({copy_id: (account_id, knobs)})

    def clone_all(self, copies: dict[int, tuple[int, ReportKnobs | None]]) -> None:
        """Each copy's number with the account that it copies, and what its reports mean (None: the same)."""
        reports = {table for table, _ in COLUMNS.values()}
        rows = [[copy_id, account_id, knobs is None] for copy_id, (account_id, knobs) in copies.items()]
        with self.connection() as connection:
            connection.execute("create temp table copies (copy_id bigint, account_id bigint, has_reports boolean)")
            connection.executemany("insert into copies values (?, ?, ?)", rows)
            for table in _tables_of_accounts(connection):
                wanted = " where has_reports" if table in reports else ""
                connection.execute(
                    f"insert into {RAW}.{table} by name select rows.* replace (copies.copy_id as account_id) "
                    f"from {RAW}.{table} as rows join copies using (account_id){wanted}"
                )
            for copy_id, (account_id, knobs) in copies.items():
                if knobs is not None:
                    self._tell(connection, account_id, copy_id, knobs)

    def _tell(self, connection: duckdb.DuckDBPyConnection, account_id: int, copy_id: int, knobs: ReportKnobs) -> None:
        days = connection.execute(
            f"select min(day), max(day), max(_loaded_at) from {RAW}.reported_day where account_id = ?", [account_id]
        ).fetchall()[0]
        first, last = date.fromisoformat(days[0]), date.fromisoformat(days[1])
        for name in REPORTS:
            rows = Reports(self.store, knobs).rows(account_id, name, first, last)
            self._insert(connection, copy_id, name, rows, days[2])

    def _insert(
        self,
        connection: duckdb.DuckDBPyConnection,
        account_id: int,
        name: str,
        rows: Iterable[dict[str, str]],
        loaded_at: datetime,
    ) -> None:
        table, fields = COLUMNS[name]
        listed = ("account_id", "place", "day", "shop_id", "_loaded_at", *fields)
        values = [
            [
                account_id,
                place,
                str(datetime.strptime(row["date"], "%m/%d/%Y").date()),  # noqa: DTZ007 - a day has no zone
                row["shopID"],
                loaded_at,
                *(row[field] for field in fields.values()),
            ]
            for place, row in enumerate(rows)
        ]
        if values:
            told = pa.table([list(column) for column in zip(*values, strict=True)], names=list(listed))
            connection.register("told", told)
            connection.execute(f"insert into {RAW}.{table} by name select * from told")
            connection.unregister("told")

    def execute(self, sql: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        with self.connection() as connection:
            rows: list[tuple[Any, ...]] = connection.execute(sql, list(values)).fetchall()
        return rows

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with warehouse.opened(self.settings.work_file, read_only=True) as connection:
            return warehouse.rows(connection, sql)

    def prove_all(self, copies: dict[int, int]) -> None:
        """Publish of each copy the proven readings that are published of the account that it copies."""
        with warehouse.opened(self.settings.memory_file) as connection:
            connection.execute("create temp table copies (copy_id bigint, account_id bigint)")
            connection.executemany("insert into copies values (?, ?)", [list(pair) for pair in copies.items()])
            connection.execute(
                f"insert into {reconciling.READINGS} select rows.* replace (copies.copy_id as account_id) "
                f"from {reconciling.READINGS} as rows join copies using (account_id)"
            )

    def build(self, run: int = 1, models: tuple[str, ...] = MODELS) -> None:
        """Build what a reconciliation needs, as the *run*-th night would."""
        record = warehouse.RunRecord(f"2026030{run}T061500.000000-1", "run", f"2026-03-0{run}T06:15:00+00:00")
        warehouse.write_ledger(self.settings.work_file, [record])
        warehouse.write_stores(self.settings.work_file, [])
        warehouse.write_rates(self.settings.work_file, ())
        decided.hand_over(self.settings)
        published.remember(self.settings.work_file, self.settings.memory_file)
        results = transformation.build_models(self.settings, {}, select=" ".join(models))
        assert results == transformation.Results(), results

    def faults(self, *tests: str) -> list[Fault]:
        """What the data *tests* find, each put down to its account."""
        failed = transformation.run_tests(self.settings, {}, select=" ".join(tests)).failed
        retailers = read_retailers(self.settings.work_file)
        with warehouse.opened(self.settings.work_file, read_only=True) as connection:
            return [fault for one in failed for fault in checks.faults(connection, one, retailers)]

    def publish(self) -> None:
        """What was built is what the next night remembers."""
        publication.publish(self.settings, Verdict(), "", lambda _: None)


def _tables_of_accounts(connection: duckdb.DuckDBPyConnection) -> list[str]:
    found = connection.execute(
        "select table_name from information_schema.columns where table_schema = ? and column_name = 'account_id' "
        "order by table_name",
        [RAW],
    ).fetchall()
    return [name for (name,) in found]
