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
    archived_shown: tuple[str, ...] = ()
    """Entities that show archived rows without being asked. Documented: none."""
    archived_refused: tuple[str, ...] = ()
    """Entities that answer 400 to `archived`. Documented for some; unknown for Shop, Register and PaymentType."""
    clock_unsortable: tuple[str, ...] = ()
    """Entities that cannot be sorted by timeStamp. Documented as sortable; never seen for most."""
    unknown_sort_is_error: bool = True
    """A sort that is not taken. True: an error that lists the others, as documented. False: ignored."""
    spellings_of_update_time: tuple[str, ...] = ("updateTime", "updatetime")
    """Accepted spellings of the filter; unknown which."""
    sort_spellings_of_update_time: tuple[str, ...] = ("updateTime", "updatetime")
    """Accepted spellings of the sort: documented as updatetime, used by others as updateTime."""
    update_time_field: str = "updateTime"
    """Spelling in a sale's row. updateTime: seen live. updatetime: documented."""
    largest_limit: int = 100
    """Rows a page at most. Documented: 100."""
    beyond_limit_is_error: bool = False
    """Unknown of a limit above the largest: capped, or an error."""
    ties_lost: bool = False
    """False: a page's cursor knows the id (decoded from the sample), so equal stamps go on over pages. True: it does
    not, and rows that share the last row's stamp are lost."""
    at_least_is_after: bool = False
    """False: `>=` takes the bound in, as documented. True: it does not."""
    attributes_of_v2: bool = False
    """Whether lists tell count, offset and limit beside next and previous. Documented: no."""
    limits_told: bool = True
    """Whether answers bear the headers of the rate limit. Documented: all do."""
    burst_of_90: int = 20
    """Requests a second for a bucket of 90: "a fraction of bucket size", 20 in the one sample."""
    cost_factor: float = 1.0
    """Multiplies every cost: the documented model is of March 2026."""
    date_told: bool = True
    """Whether answers bear a Date header."""
    complete_time_told: bool = True
    """Whether a completed sale says when: 12 of 19 samples lack the field, others have it."""
    json_types: bool = False
    """False: every scalar is a text, as in every capture. True: numbers and flags have JSON's own types."""
    childless_is_blank: bool = False
    """A row without children of a relation. False: no key. True: `""`."""
    relations_dropped: tuple[str, ...] = ()
    """Relations that are silently left out; seen live where many are asked for."""
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
