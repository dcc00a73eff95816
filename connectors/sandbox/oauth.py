"""What the played token endpoints share: how a refresh is asked for, and what is wrong with asking.

Source: RFC 6749, sections 5.2 and 6.
"""

from collections.abc import Callable
from typing import Any

from fastapi import Request

from connectors.sandbox.frame import Refused
from connectors.sandbox.world import CLIENT_ID, CLIENT_SECRET

Form = dict[str, str]


async def form_of(request: Request) -> Form:
    """The fields of a form; files are none."""
    return {k: v for k, v in (await request.form()).items() if isinstance(v, str)}


def check_client(given: tuple[str | None, str | None], status: int) -> None:
    """Raise invalid_client with this status for another application than the sandbox's."""
    if given != (CLIENT_ID, CLIENT_SECRET):
        raise Refused(status, {"error": "invalid_client"})


def refresh_token_of(form: Form) -> str:
    """The refresh token; raises Refused for another grant, or for none."""
    if form.get("grant_type") != "refresh_token":
        raise Refused(400, {"error": "unsupported_grant_type"})
    if not form.get("refresh_token"):
        raise Refused(400, {"error": "invalid_request"})
    return form["refresh_token"]


def refusals(
    *, often: str, broken: str, unknown: str, grant: str
) -> Callable[[str, int], tuple[int, Any]]:
    """How an endpoint words the frame's faults; `grant` describes a grant that is not taken."""

    def refuse(kind: str, status: int) -> tuple[int, Any]:
        return {
            "throttle": (429, {"error": often}),
            "server_error": (status, {"error": broken}),
            "error_inside": (200, {"error": broken}),
            "not_found": (status, {"error": unknown}),
        }.get(kind, (400, {"error": "invalid_grant", "error_description": grant}))

    return refuse


def operation(_method: str, path: str, _body: object) -> str:
    """A path as the name of what is asked."""
    return path.replace("/", ".") or "root"
