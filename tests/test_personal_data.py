"""Nothing secret is written but in its own file; of people no more than the setting says; no name does any harm."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipelines import cli, doctor, logs, run, status
from pipelines.connecting import connected_view
from pipelines.demo import compare
from pipelines.errors import AuthError
from pipelines.privacy import MARK, Mode, Patterns, Privacy
from pipelines.run import Report
from pipelines.sandbox import truth
from pipelines.settings import read_settings
from pipelines.sources.ecwid import source as ecwid
from pipelines.sources.lightspeed import source as lightspeed
from pipelines.sources.shopify import source as shopify
from pipelines.sources.tokens import salt_of
from tests.conftest import CANARIES, HOSTILE, Hostile, Retail, traces

PATTERNS = Patterns.of(read_settings())
NUMBERS = (
    "fct_orders",
    "fct_sales_events",
    "fct_payments",
    "mirror_audit",
    "mirror_unmatched",
    "online_unmirrored",
    "revenue_by_location_daily",
    "revenue_by_channel_daily",
    "omnichannel_revenue_daily",
    "tender_mix_daily",
    "register_closings",
    "gift_card_liability",
    "customer_deposits",
)
ADA = {
    "customerID": "7",
    "firstName": " Ada ",
    "lastName": "Ashdown",
    "dob": "1990-01-01T00:00:00+00:00",
    "company": "Ashdown Ltd",
    "nickname": "Addy",
    "timeStamp": "2026-01-01T00:00:00+00:00",
    "Contact": {
        "noEmail": "false",
        "custom": "a friend",
        "Emails": {"ContactEmail": [{"address": " Ada@Example.com", "useType": "Primary"}, {"address": ""}]},
        "Phones": "",
        "Addresses": {"ContactAddress": {"address1": "1 Elm Row", "countryCode": "GB"}},
    },
}


def hidden(
    mode: Mode, node: Mapping[str, Any], *, entity: str = "customer", vendor: Any = lightspeed
) -> dict[str, Any]:
    privacy = Privacy(mode, vendor.personal(), PATTERNS, b"salt")
    [row] = privacy.rows(entity, [json.dumps(node).encode()])
    found: dict[str, Any] = json.loads(row)
    return found


# --- the rules ----------------------------------------------------------------------------------


def test_kept_rows_are_the_very_bytes_that_came() -> None:
    row = b'{ "firstName":"Ada" , "n":1.50 }'

    assert list(Privacy("keep", lightspeed.personal(), PATTERNS).rows("customer", [row])) == [row]


@pytest.mark.parametrize("mode", ["keep", "hash", "drop"])
def test_a_login_of_another_system_is_kept_under_no_setting(mode: Mode) -> None:
    vendor = {"vendorID": "3", "name": "Delft & Sons", "integrationLogin": "buyer", "integrationPassword": "sesame"}

    found = hidden(mode, vendor, entity="vendor")

    assert found == {**vendor, "integrationLogin": None, "integrationPassword": None}


def test_hashed_people_can_be_told_apart_and_joined_but_not_read() -> None:
    found = hidden("hash", ADA)

    address = found["Contact"]["Emails"]["ContactEmail"][0]
    assert re.fullmatch(r"pii:[0-9a-f]{16}", found["firstName"])
    assert found["firstName"] == hidden("hash", {"firstName": "ADA"})["firstName"] != found["lastName"]
    assert address["useType"] == "Primary"
    shopper = hidden("hash", {"defaultEmailAddress": {"emailAddress": "ada@example.com"}}, vendor=shopify)
    assert address["address"] == shopper["defaultEmailAddress"]["emailAddress"]
    assert found["Contact"]["Addresses"]["ContactAddress"]["countryCode"] == "GB"
    assert (found["customerID"], found["timeStamp"], found["Contact"]["Phones"]) == ("7", ADA["timeStamp"], "")
    assert not re.search(r"ada|ashdown|elm|friend|addy|1990", json.dumps(found), re.IGNORECASE)


def test_dropped_people_leave_nothing() -> None:
    found = hidden("drop", ADA)

    assert found["firstName"] is found["dob"] is None
    assert found["Contact"]["Emails"]["ContactEmail"][0] == {"address": None, "useType": "Primary"}
    assert not re.search(r"ada|ashdown|elm|friend|addy|1990", json.dumps(found), re.IGNORECASE)


def test_a_field_of_a_customer_that_nobody_knows_is_taken_for_personal() -> None:
    assert "nickname" in hidden("keep", ADA)
    assert "nickname" not in hidden("hash", ADA)


def test_what_is_hashed_is_not_hashed_again() -> None:
    once = hidden("hash", ADA)

    assert hidden("hash", once) == once


def test_a_telephone_number_is_its_digits() -> None:
    phones = [{"Contact": {"Phones": {"ContactPhone": {"number": text}}}} for text in ("555 01-02", "(555) 0102")]

    assert hidden("hash", phones[0]) == hidden("hash", phones[1])


@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_a_customer_that_stands_for_many_keeps_what_tells_so(mode: Mode) -> None:
    """The patterns are the seed's own, which the models match as well."""
    web = {"firstName": "Web", "lastName": "Customer", "Contact": {"Emails": {"ContactEmail": {"address": ""}}}}
    relay = {"Contact": {"Emails": {"ContactEmail": {"address": "k3jd9@marketplace.amazon.com"}}}}

    assert (hidden(mode, web)["firstName"], hidden(mode, web)["lastName"]) == ("Web", "Customer")
    address = hidden(mode, relay)["Contact"]["Emails"]["ContactEmail"]["address"]
    assert address.endswith("@marketplace.amazon.com")
    assert "k3jd9" not in address


@pytest.mark.parametrize("mode", ["keep", "hash", "drop"])
def test_a_gift_cards_code_is_dropped_in_every_mode_with_whatever_may_hold_it(mode: Mode) -> None:
    card = {"creditAccountID": "9", "giftCard": "true", "balance": "-25", "timeStamp": ADA["timeStamp"]}
    written = {"code": "2312345678904", "name": "Gift Card 2312345678904", "description": "", "number": "231234"}

    assert hidden(mode, card | written, entity="credit_account") == card


@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_of_a_note_only_the_order_number_stays(mode: Mode) -> None:
    assert hidden(mode, {"shipNote": CANARIES["note"]}, entity="ship_to") == {"shipNote": "shopify order #1001"}


GID = "gid://shopify/Order/"
PERSON = {
    "firstName": CANARIES["name"],
    "Emails": {"ContactEmail": [{"address": CANARIES["email"]}]},
    "phone": CANARIES["phone"],
    "address": {"lines": [CANARIES["street"]]},
}
LINE = {
    "saleLineID": "5",
    "saleID": "1",
    "unitPrice": "10",
    "Item": {"itemID": "3"},
    "Note": {"note": CANARIES["note"]},
}
SALE = {
    "saleID": "1",
    "calcTotal": "11.50",
    "referenceNumber": "R1",
    "updatetime": "2026-01-01T00:00:00+00:00",
    "SaleLines": {"SaleLine": [{**LINE, "Customer": PERSON}]},
    "SalePayments": {"SalePayment": {"salePaymentID": "8", "amount": "11.5", "CCCharge": {"cardholder": PERSON}}},
}


@pytest.mark.parametrize("mode", ["hash", "drop"])
@pytest.mark.parametrize(
    ("vendor", "entity", "node", "kept"),
    [
        (lightspeed, "sale", SALE | {"Customer": PERSON, "Contact": {"a": {"b": [PERSON]}}}, ["11.50", "R1", "8", "5"]),
        (lightspeed, "sale", SALE | {"customerName": CANARIES["name"], "reach": CANARIES["phone"]}, ["11.50"]),
        (lightspeed, "sale", SALE | {"phoneNumber": "5558675309", "mobile": 5558675309, "tip": "1.5"}, ["1.5"]),
        (lightspeed, "item", {"itemID": "3", "Prices": {"ItemPrice": {"amount": "9", "seller": PERSON}}}, ["3", "9"]),
        (lightspeed, "employee_hours", {"employeeHoursID": "3", "shopID": "2", "Employee": PERSON}, ["3", "2"]),
        (lightspeed, "shop", {"shopID": "2", "name": "Elm", "timeZone": "UTC", "Contact": PERSON}, ["Elm", "UTC"]),
        (lightspeed, "account", {"name": "Elm", "defaultCurrency": {"code": "USD", "owner": PERSON}}, ["Elm", "USD"]),
        (lightspeed, "register_count", {"registerCountID": "4", "notes": CANARIES["note"], "Employee": PERSON}, ["4"]),
        (lightspeed, "customer", {"customerID": "7", "Contact": {"contactID": "9", "Custom": PERSON}}, ["7", "9"]),
        (shopify, "customer_order", {"id": GID + "1", "customer": {"id": GID + "2", **PERSON}}, ["Order/1", "Order/2"]),
        (
            shopify,
            "customer_order",
            {"lineItems": {"nodes": [{"sku": "S1", "customAttributes": [PERSON]}]}, "billingAddress": PERSON},
            ["S1"],
        ),
        (shopify, "location", {"id": GID + "1", "address": {"countryCode": "GB", "phone": CANARIES["phone"]}}, ["GB"]),
        (ecwid, "customer_order", {"internalId": 7, "billingPerson": PERSON, "orderComments": CANARIES["note"]}, ["7"]),
        (
            ecwid,
            "customer_order",
            {"items": [{"sku": "S1", "taxes": [{"total": 1.27, "to": PERSON}]}], "refunds": [PERSON | {"amount": 5}]},
            ["S1", "1.27", "5"],
        ),
        (ecwid, "customer_order", {"shippingOption": {"shippingRate": 6.95, "pickupPerson": PERSON}}, ["6.95"]),
        (lightspeed, "sale", {"saleID": "1", "calcAvgCost": CANARIES["name"], "total": "-1.5"}, ["1", "-1.5"]),
        (shopify, "customer_order", {"id": GID + "7", "totalTaxSet": PERSON, "closedAt": "2026-01-02T10"}, ["T10"]),
        (ecwid, "customer_order", {"internalId": 7, "items": [{"id": 3, "tax": CANARIES["phone"]}]}, ["7", "3"]),
        (ecwid, "store_profile", {"generalInfo": {"storeId": 7}, "account": PERSON, "company": PERSON}, ["7"]),
    ],
)  # fmt: skip
def test_a_person_is_hidden_wherever_it_comes(
    mode: Mode, vendor: Any, entity: str, node: dict[str, Any], kept: list[str]
) -> None:
    """Case 45: in a relation that was not asked for, at any depth, in an unknown field."""
    found = json.dumps(hidden(mode, node, entity=entity, vendor=vendor))

    assert [word for word in (*CANARIES.values(), "5558675309") if word in found] == []
    assert [word for word in kept if word not in found] == []
    assert json.loads(json.dumps(hidden("keep", node, entity=entity, vendor=vendor))) == node


@pytest.mark.parametrize("field", ["dateOfBirth", "zipCode", "phoneExtension", "vatNumber", "contactHour"])
def test_a_number_or_time_with_the_name_of_something_personal_is_hidden(field: str) -> None:
    found = hidden("hash", {"saleID": "1", field: "1990-01-01", "weight": "1990-01-01"}, entity="sale")

    assert found[field].startswith(MARK)
    assert found["weight"] == "1990-01-01"


@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_a_list_that_is_none_is_never_hidden_as_an_empty_one(mode: Mode) -> None:
    """Null in place of lines says that there are none, and their sale would lose those it has."""
    assert hidden(mode, {"saleID": "1", "SaleLines": CANARIES["note"]}, entity="sale")["SaleLines"].startswith(MARK)
    assert hidden(mode, {"saleID": "1", "SaleLines": ""}, entity="sale")["SaleLines"] == ""


@pytest.mark.parametrize(("vendor", "tables"), [(lightspeed, 21), (shopify, 4), (ecwid, 3)])
def test_every_column_of_every_table_is_known_to_be_somebodys_or_nobodys(vendor: Any, tables: int) -> None:
    assert len(vendor.personal()) == tables
    assert all(rules.others is not None for rules in vendor.personal().values())


def test_an_online_order_loses_its_buyer_and_keeps_its_amounts() -> None:
    order = {"name": "#1001", "email": "a@b.c", "phone": None, "shippingAddress": {"zip": "E14", "countryCodeV2": "GB"}}

    found = hidden("drop", order, entity="customer_order", vendor=shopify)

    assert found == {**order, "email": None, "shippingAddress": {"zip": None, "countryCodeV2": "GB"}}


# --- files that are somebody's alone ------------------------------------------------------------


def test_the_salt_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    salt = salt_of(tmp_path / "tokens")
    path = tmp_path / "tokens" / "personal.salt"

    assert salt_of(tmp_path / "tokens") == salt
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    path.chmod(0o640)
    with pytest.raises(AuthError, match="chmod 600"):
        salt_of(tmp_path / "tokens")


def test_a_folder_of_tokens_that_is_open_to_others_is_refused(small: Retail) -> None:
    store = lightspeed.token_store(small.settings)
    assert {folder.stat().st_mode & 0o777 for folder in (store.folder, store.folder.parent)} == {0o700}

    for folder in (store.folder, store.folder.parent):
        folder.chmod(0o755)
        with pytest.raises(
            AuthError, match=rf"{folder} is open to others, so its tokens are not used: run `chmod 700 "
        ):
            store.load(120001)
        folder.chmod(0o700)
    assert store.load(120001)


# --- everything that is written -----------------------------------------------------------------


def secrets_of(made: Retail) -> list[str]:
    """Every token, the app's secret and the store's."""
    files = [json.loads(path.read_text()) for path in made.settings.tokens_dir.glob("*/*.json")]
    kept = [
        str(file[name])
        for file in files
        for name in ("access_token", "refresh_token", "client_secret")
        if file.get(name)
    ]
    return [*kept, made.settings.lightspeed_client_secret.get_secret_value()]


def test_no_secret_and_nobody_is_in_what_a_night_writes_beside_its_rows(hostile: Hostile) -> None:
    """Logs, the ledger of runs, dlt's and dbt's folders, after good nights and a failed one, a doctor and a status."""
    made = hostile.retail
    folder = made.settings.tillhouse_data_dir
    logs.set_up(made.settings.logs_dir, form="text", verbose=False)
    asyncio.run(doctor.examine(made.settings, made.transport))
    status.status(made.settings)
    try:
        int(CANARIES["email"])
    except ValueError:
        logging.getLogger("tillhouse").exception("account 120001, sale")

    with_rows = ("tokens", "landing", "work.duckdb", "warehouse.duckdb")
    assert traces(folder, secrets_of(made), without=("tokens",)) == []
    assert traces(folder, CANARIES.values(), without=with_rows) == []
    assert "ValueError" in (folder / "logs" / "tillhouse.log").read_text(encoding="utf-8")
    assert {path for path, _ in traces(folder, [CANARIES["email"]], without=("tokens",))}, "the test looks where it is"
    assert len(secrets_of(made)) > 4


@pytest.fixture(scope="module")
def hashed(hostile: Hostile, tmp_path_factory: pytest.TempPathFactory) -> Retail:
    """The same world, read with every person hashed."""
    made = hostile.retail.elsewhere(tmp_path_factory.mktemp("hashed") / "data")
    made.settings = made.settings.model_copy(update={"lightspeed_pii": "hash"})
    made.night()
    return made


@pytest.mark.long
def test_nobody_is_in_anything_that_a_hashing_night_writes(hashed: Retail) -> None:
    folder = hashed.settings.tillhouse_data_dir

    assert traces(folder, CANARIES.values(), without=()) == []
    people = hashed.table("intermediate.int_customers")
    told = {str(row[part])[:4] for row in people for part in ("email", "phone", "postcode") if row[part]}
    assert told == {MARK}
    assert len({row["first_name"] for row in people}) > 5
    assert {row["last_name"][:4] for row in people} == {MARK, "Cust"}


@pytest.mark.long
def test_every_number_is_the_same_with_hashed_people(hostile: Hostile, hashed: Retail) -> None:
    """Copies of online orders are told by e-mail, and customers that stand for many by name."""
    for mart in NUMBERS:
        assert hashed.table(f"marts.{mart}") == hostile.retail.table(f"marts.{mart}"), mart
    assert {row["first_name"] for row in hashed.table("intermediate.int_customers") if row["is_generic"]} == {"Web"}


@pytest.mark.long
def test_revenue_is_the_same_without_people(hostile: Hostile, hashed: Retail) -> None:
    """A landing zone is read again by the setting of the day."""
    dropped = hashed.settings.model_copy(update={"lightspeed_pii": "drop"})

    run.replay(dropped, Report())
    run.transform(dropped)

    assert {row["first_name"] for row in hashed.table("raw_lightspeed.customer")} == {None, "Web"}
    assert MARK not in repr(hashed.table("raw_lightspeed.customer"))
    for mart in ("revenue_by_location_daily", "revenue_by_channel_daily", "omnichannel_revenue_daily"):
        assert hashed.table(f"marts.{mart}") == hostile.retail.table(f"marts.{mart}"), mart


# --- names --------------------------------------------------------------------------------------


def test_names_that_mean_harm_change_no_number(hostile: Hostile) -> None:
    """Quotes, semicolons, comments, brackets and new lines, in names and in the data directory's own."""
    made = hostile.retail
    told = [{name: str(value) for name, value in row.items()} for row in truth.daily_totals(made.store)]

    compared, differences = compare(made.settings, told)

    assert differences == []
    assert compared > 500
    assert all(HOSTILE in row["location_name"] for row in made.table("marts.dim_locations"))
    assert "'" in str(made.settings.tillhouse_data_dir)


def test_names_that_mean_harm_are_shown_as_they_are(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = hostile.retail.settings.tillhouse_data_dir
    monkeypatch.setattr(cli.out, "_width", 500)
    shown = [
        CliRunner().invoke(cli.main, ["--data-dir", str(folder), *words])
        for words in (
            ("accounts",),
            ("status",),
            ("reconcile",),
            ("query", "select location_name from dim_locations"),
            ("query", r"select location_name, repeat('\[/x]', 200) as wide from dim_locations"),
        )
    ]

    assert [result.exit_code for result in shown] == [0] * len(shown)
    for place in (0, 3, 4):
        assert "[bold]/*" in shown[place].stdout
        assert r"[/x] \[/x] :pill:" in shown[place].stdout
    connection = lightspeed.token_store(hostile.retail.settings).accounts()[0]
    assert HOSTILE in str(connected_view(connection))
