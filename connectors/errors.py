"""What can go wrong when talking to a platform, by who must act.

ConnectorError
├── Transient            nobody: it will be tried again
│   ├── Throttled        nobody: too fast, wait as long as the platform says
│   ├── ListBusy         nobody: the platform is still working on the list
│   └── Unsure           nobody: an answer never came; the ledger holds both possibilities
├── QuotaGone            nobody until the quota returns; what is left waits for a later run
├── OperatorError        the operator of the account
│   ├── CredentialsRefused
│   ├── TermsNotAccepted
│   └── VersionGone      (and us: the API version is no longer served)
├── RuleRefused          the editor of a rule: the platform refuses what a rule asks for
│   ├── ListTooSmall
│   └── SeedRefused
├── ListGone             the operator: a list of ours was deleted behind our back
├── NotOurs              the operator: it exists, but this project did not make it
└── ContractBroken       us: the platform answered something its contract does not know
"""


class ConnectorError(Exception):
    """A request that did not end as asked. `act` says who must act and what to do.

    Texts never hold a contact, a digest or a secret: they are built from a platform's code and
    our own words.
    """

    who = "us"

    def __init__(self, message: str, *, act: str = "", retry_after: float | None = None) -> None:
        super().__init__(f"{message} {act}".strip())
        self.act = act
        self.retry_after = retry_after
        """Seconds the platform asked us to wait, if it did."""
        self.trace = ""
        """The platform's own id of the request: its support asks for it."""
        self.in_doubt = False
        """An earlier try of the same change got no answer and may have happened."""

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} [request {self.trace}]" if self.trace else text


class Transient(ConnectorError):
    """It may work a little later, and sending it again is harmless."""

    who = "nobody"


class Throttled(Transient):
    """Too many requests; `retry_after` says how long to wait, if the platform told."""


class ListBusy(Transient):
    """The platform is still processing the list and takes no change now."""


class Unsure(Transient):
    """The request may or may not have taken effect."""


class QuotaGone(ConnectorError):
    """The quota of the hour or day is used up; nothing more is sent until it returns."""

    who = "nobody"


class OperatorError(ConnectorError):
    """The operator of the account must act."""

    who = "operator"


class CredentialsRefused(OperatorError):
    """Token missing, expired for good, revoked, or without the needed rights."""


class TermsNotAccepted(OperatorError):
    """The platform waits for somebody to accept its terms."""


class VersionGone(OperatorError):
    """The API version in use is no longer served."""


class RuleRefused(ConnectorError):
    """The platform refuses what a rule asks for."""

    who = "editor"


class ListTooSmall(RuleRefused):
    """Fewer people than the platform takes."""


class SeedRefused(RuleRefused):
    """The list cannot serve as a look-alike seed."""


class ListGone(ConnectorError):
    """A list of ours is not there any more."""

    who = "operator"


class NotOurs(ConnectorError):
    """Something with our title exists, but the ledger does not know it."""

    who = "operator"


class ContractBroken(ConnectorError):
    """The platform answered something its documented contract does not know."""

    who = "us"
