"""Every setting in one typed, frozen object; the only reader of the environment and of `.env`."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pipelines.errors import SettingsError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _base_url(url: str) -> str:
    """Tokens travel with every request: https, or a server on this machine."""
    parts = _url_parts(url.rstrip("/"))
    if not parts.hostname or parts.scheme not in {"http", "https"}:
        raise ValueError("is not a URL such as https://api.lightspeedapp.com")
    if "@" in parts.netloc:
        raise ValueError("must not have a name or a password in it: errors and logs tell the address")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("must begin with https:// (plain http is allowed to this machine only)")
    return parts.geturl()


def _url_parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # Not the error's own words: they may quote what stands before an @.
        raise ValueError("is not a URL: its host, or the port behind it, is none") from None
    return parts


def _address(url: str) -> str:
    """Any URL whose parts can be told: an app's own scheme is taken as well."""
    return _url_parts(url).geturl()


BaseUrl = Annotated[str, AfterValidator(_base_url)]


def _currency(code: str) -> str:
    if not re.fullmatch("[A-Z]{3}|", code):
        raise ValueError("is not the code of a currency such as USD or EUR")
    return code


def _folder(path: Path) -> Path:
    """Any folder but one that DuckDB cannot write in: it looks for parameters behind a question mark.

    `~` is the home folder, which no shell has put in its place where the path comes from `.env`.
    """
    try:
        path = path.expanduser()
    except RuntimeError:
        raise ValueError("begins with a ~ of nobody's home folder: write the path in full") from None
    if "?" in str(path.absolute()):
        raise ValueError("has a question mark in its path, behind which DuckDB finds no file: name another folder")
    return path


Currency = Annotated[str, AfterValidator(_currency)]

MOST_DAYS, MOST_MINUTES = 3_650, 7 * 24 * 60
"""Ten years, and a week: beyond any use, and well within what a calendar can subtract."""

ENV_FILE = ".env"
ENV_ENCODING = "utf-8-sig"
"""UTF-8, whether it begins with a mark, as some editors write it, or without."""
DBT_PROJECT = Path(__file__).parent.parent / "dbt_project"
WORK_FILE, BUILD_MEMORY = "TILLHOUSE_WORK_FILE", "TILLHOUSE_BUILD_MEMORY"
"""How dbt's profile is told of the work file and of what the database may take: no settings."""
OWN_SETTINGS = ("cost_basis", "business_day_cutover_hours", "reporting_currency", "reconcile")
"""Variables of the models that a setting of their own sets: TILLHOUSE_ and their name."""


def _object(text: object) -> object:
    """A JSON object as the environment has it."""
    if not isinstance(text, str):
        return text
    with suppress(json.JSONDecodeError):
        if isinstance(read := json.loads(text), dict):
            return read
    raise ValueError('is not a JSON object such as {"fiscal_pattern": "4-4-5"}')


def model_variables() -> dict[str, Any]:
    """The models' variables as the project declares them, each with what it is unless a setting says otherwise."""
    import yaml

    declared: dict[str, Any] = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    return declared


def _declared(variables: dict[str, Any]) -> dict[str, Any]:
    """A name that no model reads would change nothing, and nobody would know."""
    if not variables:
        return variables
    declared = model_variables().keys() - set(OWN_SETTINGS)
    if strange := sorted(variables.keys() - declared):
        own = f"is set by TILLHOUSE_{strange[0].upper()}" if strange[0] in OWN_SETTINGS else "is not a variable"
        raise ValueError(f"{strange[0]} {own}; the variables are {', '.join(sorted(declared))}")
    return variables


Variables = Annotated[dict[str, Any], NoDecode, BeforeValidator(_object), AfterValidator(_declared)]


class Settings(BaseSettings):
    """What can be set, each by the environment or `.env` under the name in capitals (see `.env.example`)."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE, env_file_encoding=ENV_ENCODING, extra="ignore", frozen=True, env_ignore_empty=True
    )

    lightspeed_client_id: str = Field("", description="The OAuth client's id, from Lightspeed's developer portal")
    lightspeed_client_secret: SecretStr = Field(SecretStr(""), description="The OAuth client's secret")
    lightspeed_redirect_uri: Annotated[str, AfterValidator(_address)] = Field(
        "http://localhost:8765/callback", description="The address registered with the OAuth client"
    )
    lightspeed_more_scopes: str = Field(
        "", description="Rights to ask for beyond the least, such as employee:register where counts are refused"
    )
    lightspeed_api_url: BaseUrl = Field("https://api.lightspeedapp.com", description="/API/V3/… is added")
    lightspeed_auth_url: BaseUrl = Field("https://cloud.lightspeedapp.com", description="/auth/oauth/… is added")
    lightspeed_overlap_minutes: int = Field(
        30, ge=0, le=MOST_MINUTES, description="How far each night reads back before its cursors"
    )
    lightspeed_reread_days: int = Field(
        3, ge=0, le=MOST_DAYS, description="Sales completed in the last days, read again each night"
    )
    lightspeed_deep_reread_days: int = Field(35, ge=0, le=MOST_DAYS, description="The same, once a week")
    lightspeed_pii: Literal["keep", "hash", "drop"] = Field(
        "keep", description="Names, e-mail addresses, telephone numbers and addresses of customers, of every source"
    )
    lightspeed_report_days: int = Field(
        7,
        ge=1,
        le=MOST_DAYS,
        description="The last days of trade that are compared each night with Lightspeed's own reports",
    )

    shopify_api_url: BaseUrl = Field("https://{shop}.myshopify.com", description="{shop} is the store's name")
    shopify_api_version: str = Field("2026-10", pattern=r"^20\d\d-\d\d$", description="Which version of the Admin API")
    shopify_overlap_minutes: int = Field(
        5, ge=1, le=MOST_MINUTES, description="How far each night reads back before its cursor"
    )

    ecwid_api_url: BaseUrl = Field("https://app.ecwid.com/api/v3", description="Where E-Series stores' API lives")
    ecwid_overlap_minutes: int = Field(
        10, ge=1, le=MOST_MINUTES, description="How far each night reads back before its cursor"
    )

    tillhouse_data_dir: Annotated[Path, AfterValidator(_folder)] = Field(
        Path("data"), description="Where everything that tillhouse keeps is kept"
    )
    tillhouse_cost_basis: Literal["average", "fifo"] = Field("average", description="Which unit cost margins use")
    tillhouse_business_day_cutover_hours: int = Field(
        0, ge=0, le=23, description="Sales before this local hour belong to the day before"
    )
    tillhouse_reporting_currency: Currency = Field(
        "", description="ISO code of the currency that group totals are in; empty: each its own"
    )
    tillhouse_dbt_vars: Variables = Field(
        {}, description="What the fiscal calendar and comparable sales follow, by the names in dbt_project.yml"
    )
    tillhouse_landing_days: int = Field(
        0, ge=0, le=MOST_DAYS, description="How long rows stay as they came; 0: for ever"
    )
    tillhouse_online_reread_days: int = Field(
        35,
        ge=0,
        le=MOST_DAYS,
        description="Online orders placed in the last days, looked for again once a week; 0 never",
    )
    tillhouse_published_mode: Literal["0400", "0440", "0444"] = Field(
        "0444", description="Permissions of warehouse.duckdb; no program may write to it"
    )
    tillhouse_reconcile: Literal["mark", "withhold"] = Field(
        "mark", description="Whether an unexplained difference marks its shop's day or withholds its account"
    )
    tillhouse_stale_days: int = Field(
        4,
        ge=0,
        le=MOST_DAYS,
        description="Days without a sale after which an account's figures are stale; 0: never",
    )
    tillhouse_wait_seconds: int = Field(
        60, ge=0, le=3_600, description="How long a work file that another program holds is waited for"
    )
    tillhouse_log_format: Literal["text", "json"] = Field("text", description="How log lines are written")

    @property
    def work_file(self) -> Path:
        return self.tillhouse_data_dir / "work.duckdb"

    @property
    def warehouse_file(self) -> Path:
        return self.tillhouse_data_dir / "warehouse.duckdb"

    @property
    def memory_file(self) -> Path:
        return self.tillhouse_data_dir / "memory.duckdb"

    @property
    def landing_dir(self) -> Path:
        return self.tillhouse_data_dir / "landing"

    @property
    def tokens_dir(self) -> Path:
        return self.tillhouse_data_dir / "tokens"

    @property
    def project_dir(self) -> Path:
        """Where the user's own seeds are."""
        return self.tillhouse_data_dir / "project"

    @property
    def logs_dir(self) -> Path:
        return self.tillhouse_data_dir / "logs"


def read_settings(**overrides: object) -> Settings:
    """The environment, `.env` and *overrides* (a command's flags), which win; SettingsError says which is wrong."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(problem) for problem in error.errors())) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{Path(ENV_FILE).absolute()} is not UTF-8 text: save it as UTF-8") from None


def misspelt() -> list[str]:
    """A sentence for each name in the environment or `.env` that begins as a setting does and is none."""
    known = [name.upper() for name in Settings.model_fields]
    prefixes = tuple({f"{name.split('_')[0]}_" for name in known})
    found = {name.upper() for name in (*os.environ, *dotenv_values(ENV_FILE, encoding=ENV_ENCODING))} - {
        WORK_FILE,
        BUILD_MEMORY,
        *known,
    }
    return [_unknown(name, known) for name in sorted(found) if name.startswith(prefixes)]


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.8)
    return f"{name} is not a setting" + (f": {near[0]} is" if near else "; .env.example lists them all")


def _sentence(problem: object) -> str:
    assert isinstance(problem, dict)
    name = ".".join(str(part) for part in problem["loc"]).upper()
    told = _without_login(str(problem["input"])) if name.endswith(("_URL", "_URI")) else problem["input"]
    shown = "" if "SECRET" in name else f"={told}"
    return f"{name}{shown}: {problem['msg'].removeprefix('Value error, ')} (set it in the environment or in .env)"


def _without_login(text: str) -> str:
    """A URL without what stands before its host: it may be a password."""
    return re.sub(r"^(\w+://)?.*@", r"\1…@", text, flags=re.DOTALL)
