"""How one account's API behaves where the documentation is silent: defaults, and what `tillhouse probe` found.

A file an account, `project/accounts/<account>.toml` in the data folder. `tillhouse probe --apply` writes it; it may be
edited by hand. A setting that is not in the file has its default.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from pipelines import durable
from pipelines.errors import SettingsError
from pipelines.settings import Settings
from pipelines.sources.lightspeed.endpoints import ENDPOINTS, Endpoint, Reading

Spelling = Literal["any", "updateTime", "updatetime", "none"]

BOTH_SPELLINGS = ("updateTime", "updatetime")

HEADING = """\
# How Lightspeed's API answers account {account_id}, as `tillhouse probe --apply` found it.
# Edit or delete lines freely: a setting that is not here has its default.
"""


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the client asks differently for one account. The defaults follow the documentation."""

    update_time_filter: Spelling = "any"
    """How sales are filtered by updateTime. any: each spelling in turn until one is accepted; none: not at all, and
    LIGHTSPEED_DEEP_REREAD_DAYS are read again each night."""
    update_time_sort: Spelling = "any"
    """How sales are sorted by updateTime, likewise."""
    page_limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    """Rows a page."""
    without_archived: tuple[str, ...] = ()
    """Tables that are asked for without the parameter `archived`."""
    read_whole: tuple[str, ...] = ()
    """Tables that are read whole each night, because the API does not sort them by timeStamp."""

    def asked(self, endpoint: Endpoint) -> Endpoint:
        """*endpoint* as this account is asked for it."""
        if endpoint.table not in self.without_archived:
            return endpoint
        return replace(endpoint, params={name: value for name, value in endpoint.params.items() if name != "archived"})

    def is_read_whole(self, endpoint: Endpoint) -> bool:
        return endpoint.table in self.read_whole

    def spellings(self, clock: str) -> Iterator[tuple[str, str]]:
        """(filter, sort) to ask for moved sales by, the likelier first; none where the clock is not asked."""
        if clock != "updateTime":
            yield clock, clock
            return
        filters, sorts = _spellings(self.update_time_filter), _spellings(self.update_time_sort)
        pairs = [(one, other) for one in filters for other in sorts]
        yield from sorted(pairs, key=lambda pair: pair[0] != pair[1])


DEFAULT = Behaviour()


def path_of(settings: Settings, account_id: int) -> Path:
    return settings.tillhouse_data_dir / "project" / "accounts" / f"{account_id}.toml"


def behaviour_of(settings: Settings, account_id: int) -> Behaviour:
    """The account's behaviour; defaults where it has no file. Raises SettingsError for a file that makes no sense."""
    path = path_of(settings, account_id)
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8-sig")), Behaviour)
    except FileNotFoundError:
        return DEFAULT
    except (ValueError, msgspec.ValidationError) as error:
        raise SettingsError(
            f"{path} makes no sense ({error}): correct it, or delete it and run `tillhouse probe --apply`"
        ) from None
    _refuse_unknown_tables(path, found)
    return found


def save(settings: Settings, account_id: int, behaviour: Behaviour) -> Path:
    """Write what differs from the defaults; returns the file."""
    path = path_of(settings, account_id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in changed(behaviour).items()]
    durable.write(path, (HEADING.format(account_id=account_id) + "".join(lines)).encode())
    return path


def changed(behaviour: Behaviour) -> dict[str, Any]:
    """The settings that are not as documented."""
    return {name: value for name, value in msgspec.structs.asdict(behaviour).items() if value != getattr(DEFAULT, name)}


def _spellings(spelling: Spelling) -> tuple[str, ...]:
    return {"any": BOTH_SPELLINGS, "none": ()}.get(spelling, (spelling,))


def _refuse_unknown_tables(path: Path, behaviour: Behaviour) -> None:
    """A misspelt table would change nothing, silently."""
    by_clock = {endpoint.table for endpoint in ENDPOINTS if endpoint.reading is Reading.BY_CLOCK}
    with_archived = {endpoint.table for endpoint in ENDPOINTS if "archived" in endpoint.params}
    for name, named, known in (
        ("read_whole", behaviour.read_whole, by_clock),
        ("without_archived", behaviour.without_archived, with_archived),
    ):
        if strange := sorted(set(named) - known):
            raise SettingsError(f"{path}: {name} cannot have {strange[0]!r}; it can have {', '.join(sorted(known))}")
