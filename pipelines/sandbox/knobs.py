"""What nobody knows of the real API, and what can go wrong: each a knob with the likelier setting first."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.sandbox.ecwid import EcwidKnobs
from pipelines.sandbox.reports import ReportKnobs
from pipelines.sandbox.shopify import ShopifyKnobs


@dataclass
class Fault:
    """An answer given in place of the real one, to requests whose path and query hold *match*, *times* times."""

    match: str
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1


@dataclass
class Trouble:
    """The fault *name* of `faults.py`, done to answers whose address matches the pattern *match*, *times* times."""

    name: str
    match: str
    times: int = 1


@dataclass
class Knobs:
    """Settings of the fake; where `lightspeed_api.md` says GUESS or unknown, the comment names both readings."""

    speed: float = 1.0
    """Multiplies bucket, drip and burst, and says so in the headers."""
    latency: float = 0.0
    """Seconds before each answer."""
    expires_in: int = 3600
    """3600 in two samples, 1800 in two others."""
    rotation_of_2024: bool = False
    """True: a used refresh token is dead at once. False (since 2026-01-15): once its successor is used."""
    refreshes_a_minute: int = 5
    archived_ignored_on_sale: bool = True
    """True: sales come whatever `archived` says (seen live). False: archived ones are left out unless asked for."""
    spellings_of_update_time: tuple[str, ...] = ("updateTime", "updatetime")
    """The parameter's accepted spellings; unknown which."""
    unknown_filter_is_error: bool = True
    """Unknown: an error, or ignored."""
    old_paging_is_error: bool = True
    """offset and orderby of V2: unknown whether an error or ignored."""
    final_page_is_empty: bool = False
    """Whether a last page that is full names an empty page after it."""
    empty_list_has_key: bool = False
    """True: an empty list comes as `""` under its key; False: the key is absent."""
    wrong_account_status: int = 403
    retry_after_as_date: bool = False
    page_size: int | None = None
    """Rows a page whatever the limit asks for: for tests of paging."""
    faults: list[Fault] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    """Done where the sandbox is served over a socket: some need one."""
    reports: ReportKnobs = field(default_factory=ReportKnobs)
    shopify: ShopifyKnobs = field(default_factory=ShopifyKnobs)
    ecwid: EcwidKnobs = field(default_factory=EcwidKnobs)
