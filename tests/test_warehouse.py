"""The work file: what is noted of a row holds for as long as that copy of the row is there."""

from __future__ import annotations

from pathlib import Path

from pipelines import warehouse


def test_a_value_that_came_again_and_could_be_read_is_no_doubt_any_more(tmp_path: Path) -> None:
    """One that came again as wrong as it was is noted under its newer run, and stays; so does one of a row unnamed."""
    work_file = tmp_path / "work.duckdb"
    with warehouse.opened(work_file) as connection:
        connection.execute(
            "create schema raw_x; create table raw_x.sale (account_id bigint, sale_id bigint, _run_id varchar); "
            "insert into raw_x.sale values (1, 1, 'new'), (1, 2, 'new'), (1, 3, 'old'), (2, 1, 'old'); "
            "create table raw_x.rejected_value (account_id bigint, table_name varchar, record_id bigint, "
            "column_name varchar, value varchar, _run_id varchar); "
            "insert into raw_x.rejected_value values (1, 'sale', 1, 'total', 'abc', 'old'), "
            "(1, 'sale', 2, 'total', 'abc', 'new'), (1, 'sale', 3, 'total', 'abc', 'old'), "
            "(2, 'sale', 1, 'total', 'abc', 'old'), (1, 'sale', 9, 'total', 'abc', 'old'), "
            "(1, 'sale', null, 'sale_id', 'abc', 'old')"
        )

    warehouse.settle_rejected(work_file, "raw_x", {"sale": "sale_id"})

    with warehouse.opened(work_file) as connection:
        left = connection.execute("select account_id, record_id from raw_x.rejected_value order by all").fetchall()
    assert left == [(1, 2), (1, 3), (1, None), (2, 1)]
