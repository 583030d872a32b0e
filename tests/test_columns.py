"""Columns are named once, the way dlt will name them."""

from dlt.common.normalizers.naming.snake_case import NamingConvention

from pipelines.sources.lightspeed.records import all_tables


def test_columns_are_named_as_dlt_names_them() -> None:
    """A name dlt would change makes it rewrite every file, or load a column beside ours."""
    naming = NamingConvention()

    named = {(column.field, column.name) for table in all_tables() for column in table.columns}

    assert named == {(field, naming.normalize_identifier(field)) for field, _ in named}


def test_no_two_columns_of_a_table_share_a_name() -> None:
    for table in all_tables():
        names = [column.name for column in table.columns]
        assert len(names) == len(set(names)), table.name
