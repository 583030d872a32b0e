"""dlt's DuckDB, for a data directory whose name holds a quote: dlt pastes its files' paths into SQL as they are."""

from __future__ import annotations

from typing import Any

from dlt.destinations import duckdb
from dlt.destinations.impl.duckdb.duck import DuckDbClient, DuckDbCopyJob


class CopyJob(DuckDbCopyJob):
    """Parquet and nothing else, by a path that ends where it should."""

    def run(self) -> None:
        client = self._job_client.sql_client
        table = client.make_qualified_table_name(self.load_table_name)
        path = self._file_path.replace("'", "''")
        client.execute_sql(f"insert into {table} by name select * from read_parquet('{path}', union_by_name = true)")


class Client(DuckDbClient):
    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> Any:  # noqa: FBT001, FBT002 - dlt's own
        job = super().create_load_job(table, file_path, load_id, restore)
        return CopyJob(file_path) if file_path.endswith(".parquet") and isinstance(job, DuckDbCopyJob) else job


class Destination(duckdb):
    """Known to dlt, and to what it keeps, under its parent's name."""

    @property
    def client_class(self) -> type[Client]:
        return Client

    @property
    def destination_type(self) -> str:
        return "dlt.destinations.duckdb"
