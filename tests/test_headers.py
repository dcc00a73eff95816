"""Header rows as systems really export them, and as people spoil them."""

import pytest

from audiences.columns import match_columns, plain
from config.exports import Export, ExportKind
from config.presets import load_preset, preset_names

CONTACTS, ORDERS = ExportKind.CONTACTS, ExportKind.ORDERS
PEOPLE = {"contact_id", "email", "phone", "first_name", "last_name"}
SHOPIFY_PEOPLE = "Customer ID,First Name,Last Name,Email,Accepts Email Marketing"
SHOPIFY_ORDERS = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,"
    "Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Billing Phone,Cancelled at,"
    "Refunded Amount,Vendor,Id,Tags,Phone"
)
MINDBOX_ORDERS = (
    "OrderIdsMindboxId,OrderIdsWebsiteID,OrderFirstActionDateTimeUtc,OrderFirstActionChannelName,"
    "OrderCustomerIdsMindboxId,OrderTotalPrice,OrderLineStatusIdsExternalId,OrderLineQuantity,"
    "OrderLineBasePricePerItem,OrderLinePriceOfLine"
)
AMO = (
    "Рабочий телефон (контакт)",
    "Мобильный телефон (контакт)",
    "Рабочий прямой телефон (контакт)",
    "Домашний телефон (контакт)",
    "Другой телефон (контакт)",
)

SEEN = [
    (
        "shopify",
        CONTACTS,
        f"{SHOPIFY_PEOPLE},Default Address Company,Default Address City,Default Address Phone,"
        "Phone,Accepts SMS Marketing,Total Spent,Total Orders,Note,Tax Exempt,Tags",
        PEOPLE | {"consent_ads", "city"},
    ),
    (
        "shopify",
        CONTACTS,
        "First Name,Last Name,Email,Accepts Email Marketing,Company,Address1,Address2,City,Phone",
        PEOPLE - {"contact_id"} | {"consent_ads", "city"},
    ),
    (
        "shopify",
        ORDERS,
        SHOPIFY_ORDERS,
        {"order_id", "email", "phone", "ordered_on", "state", "amount", "discount", "refunded"}
        | {"cancelled_on", "items", "currency", "consent_ads"},
    ),
    ("amocrm", CONTACTS, f"ID,{','.join(AMO)}", {"contact_id", "phone"}),
    ("amocrm", CONTACTS, ",".join(name.removesuffix(" (контакт)") for name in AMO), {"phone"}),
    (
        "mindbox",
        ORDERS,
        MINDBOX_ORDERS,
        {"order_id", "contact_id", "ordered_on", "state", "amount", "items", "channel"},
    ),
    (
        "mindbox",
        CONTACTS,
        "CustomerIdsMindboxId,CustomerFirstName,CustomerMobilePhone,CustomerPendingMobilePhone",
        {"contact_id", "first_name", "phone"},
    ),
    (
        "bitrix",
        CONTACTS,
        "LAST_NAME;NAME;SECOND_NAME;EMAIL;WORK_PHONE;PERSONAL_MOBILE",
        PEOPLE - {"contact_id"},
    ),
    (
        "hubspot",
        CONTACTS,
        "Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Lead Status,Create Date,"
        "Lifecycle Stage",
        PEOPLE | {"registered_on"},
    ),
    (
        "stripe",
        CONTACTS,
        "id,Email,Name,Phone,Created (UTC),Total Spend",
        {"contact_id", "email", "phone", "first_name", "registered_on"},
    ),
    *(
        (
            "online_retail",
            ORDERS,
            headers,
            {"order_id", "ordered_on", "price", "items", "contact_id"},
        )
        for headers in (
            "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
            "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country",
        )
    ),
]


@pytest.mark.parametrize(("preset", "kind", "row", "wanted"), SEEN)
def test_a_header_row_is_known_as_it_is_exported(preset, kind, row, wanted):
    headers = row.replace(";", ",").split(",")
    export = Export(kind=kind, source="crm", path="x.csv", preset=preset)
    assert set(match_columns("x.csv", headers, export).columns) == wanted


def test_several_phones_of_one_person_are_all_taken():
    export = Export(kind=CONTACTS, source="crm", path="x.csv", preset="amocrm")
    assert sorted(match_columns("x.csv", ["ID", *AMO], export).columns["phone"]) == [1, 2, 3, 4, 5]


def test_a_preset_whose_header_row_was_never_seen_says_so():
    seen = {preset for preset, *_ in SEEN}
    for name in preset_names():
        told = load_preset(name)
        assert told.header_row == "synonyms" or name in seen, name
        assert told.header_row == "known" or "UNVERIFIED" in told.source, name


@pytest.mark.parametrize(
    "written",
    [
        "e_mail клиента",
        "  E-Mail   Клиента ",
        "\ufeffe-mail клиента",
        "Ｅ-mail клиента",
        "E.mail: клиента",
    ],
)
def test_a_header_is_compared_without_case_blanks_and_punctuation(written):
    assert plain(written) == "e mail клиента"
    assert plain("Учётный №") == plain("учетный №")
