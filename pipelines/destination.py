"""dlt's DuckDB, for any data directory: dlt pastes its files' paths into SQL as they are, and waits for no lock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
from dlt.common.data_writers import buffered
from dlt.common.storages import data_item_storage
from dlt.destinations import duckdb as DuckDb  # noqa: N812 - a class
from dlt.destinations.impl.duckdb.duck import DuckDbClient, DuckDbCopyJob
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient

from pipelines import locks


class Writer(buffered.BufferedDataWriter[Any]):
    """A writer for any folder: the template of dlt's file names has one `%s`, and the folder's path before it."""

    def __init__(self, spec: Any, template: str, **asked: Any) -> None:
        folder, _, name = template.rpartition("/")
        super().__init__(spec, f"{folder.replace('%', '%%')}/{name}", **asked)


setattr(data_item_storage, "BufferedDataWriter", Writer)  # noqa: B010 - dlt has no other way to be given one


class CopyJob(DuckDbCopyJob):
    """Parquet and nothing else, by a path that ends where it should."""

    def run(self) -> None:
        client = self._job_client.sql_client
        table = client.make_qualified_table_name(self.load_table_name)
        path = self._file_path.replace("'", "''")
        client.execute_sql(f"insert into {table} by name select * from read_parquet('{path}', union_by_name = true)")


class SqlClient(DuckDbSqlClient):
    """A work file that another program reads for a moment is waited for."""

    def open_connection(self) -> duckdb.DuckDBPyConnection:
        return locks.patiently(super().open_connection, Path(self.credentials.database))


class Client(DuckDbClient):
    def __init__(self, schema: Any, config: Any, capabilities: Any) -> None:
        super().__init__(schema, config, capabilities)
        names = self.sql_client.dataset_name, self.sql_client.staging_dataset_name
        self.sql_client = SqlClient(*names, config.credentials, capabilities)

    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> Any:  # noqa: FBT001, FBT002 - dlt's own
        job = super().create_load_job(table, file_path, load_id, restore)
        return CopyJob(file_path) if file_path.endswith(".parquet") and isinstance(job, DuckDbCopyJob) else job


class Destination(DuckDb):
    """Known to dlt, and to what it keeps, under its parent's name."""

    @property
    def client_class(self) -> type[Client]:
        return Client

    @property
    def destination_type(self) -> str:
        return "dlt.destinations.duckdb"
