"""Google: lists of customers, look-alikes grown from them, bids for the people in them.

Members go through the Data Manager API, the rest through the Google Ads API; each part has a file:
google_lists, google_lookalikes, google_bids, google_reports. The wire is google_wire, errors are
google_errors.

Facts: as in google_wire.
"""

from typing import ClassVar, Self

from audiences.model import Recipe
from config.audiences import Identifier
from config.platforms import Account
from connectors.base import ApiVersion, Limits
from connectors.counted import meter_for
from connectors.errors import ContractBroken, OperatorError
from connectors.google_ads import Ads
from connectors.google_bids import GoogleBids
from connectors.google_errors import judge_ads, judge_data, trace_in_body
from connectors.google_lookalikes import GoogleLookalikes
from connectors.google_reports import GoogleSpend
from connectors.google_wire import (
    ADS_ORIGIN,
    ADS_VERSION,
    DATA_ORIGIN,
    FACTS,
    GoogleCredentials,
    customer_of,
    secrets_of,
    tokens_of,
)
from connectors.http import Door, Surroundings, trace_in_header
from connectors.origins import origin_for
from connectors.recipes import GOOGLE


class Google(GoogleLookalikes, GoogleBids, GoogleSpend):
    """One Google Ads customer, reached directly or through a manager account."""

    versions: ClassVar[tuple[ApiVersion, ...]] = FACTS.versions
    limits: ClassVar[Limits] = FACTS.limits(kinds=frozenset({Identifier.EMAIL, Identifier.PHONE}))
    recipe: ClassVar[Recipe] = GOOGLE

    @classmethod
    def connect(cls, account: Account, around: Surroundings) -> Self:
        secrets = secrets_of(account, around)
        tokens = tokens_of(account, around, secrets)
        # Quotas belong to the Cloud project, and so to the OAuth client, whatever the customer.
        meter = meter_for(account, around, FACTS.quotas, whose=secrets.client_id)
        manager = secrets.manager_id
        login = f"accountTypes/GOOGLE_ADS/accounts/{manager}"
        data = Door(
            origin_for(account, around, "google", DATA_ORIGIN),
            surroundings=around,
            tokens=tokens,
            judge=judge_data,
            meter=meter,
            headers={"login-account": login} if manager else {},
            trace=trace_in_body,
        )
        door = Door(
            origin_for(account, around, "google_ads", ADS_ORIGIN),
            surroundings=around,
            tokens=tokens,
            judge=judge_ads,
            meter=meter,
            headers=_ads_headers(secrets),
            trace=trace_in_header("request-id"),
        )
        ads = Ads(
            door,
            account.api_version or ADS_VERSION,
            customer_of(account),
            secrets.access_level,
        )
        accepted = secrets.customer_match_terms == "accepted"
        return cls(account.name, data, ads, manager=manager, terms_accepted=accepted)

    def check(self) -> None:
        """Both APIs let us in, the customer can make lists and bid, the terms are accepted."""
        self._data.send(self._lists_ask({"pageSize": 1}))
        query = "SELECT customer.manager, customer.test_account FROM customer LIMIT 1"
        found = next(self._ads.search(query), {}).get("customer")
        if not isinstance(found, dict):
            raise ContractBroken("the query of the customer has no row.")
        if found.get("manager"):
            raise OperatorError(
                f"customer {self._ads.customer} is a manager account: it has no campaigns.",
                act="Set login to the client's customer id, and MANAGER_ID to this one.",
            )
        if found.get("testAccount"):
            raise OperatorError(
                f"customer {self._ads.customer} is a test account: Google closes its lists.",
                act="Use a real account, or rehearse with `sandbox = true`.",
            )
        self.try_to_make_a_list()
        self._refuse_without_terms()


def _ads_headers(secrets: GoogleCredentials) -> dict[str, str]:
    """Since September 2026 a developer token is ignored, and later it may be refused (UNVERIFIED):
    it goes along only where the operator sets one."""
    headers = {"login-customer-id": secrets.manager_id} if secrets.manager_id else {}
    if secrets.developer_token is not None:
        headers["developer-token"] = secrets.developer_token.get_secret_value()
    return headers
