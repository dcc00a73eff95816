"""Who may ask the played Meta: a token that is valid, its proof, a version that is served."""

import hashlib
import hmac
from datetime import UTC, datetime

from fastapi import Request

from connectors.sandbox.meta_call import decoded, refusal
from connectors.sandbox.store import Document
from connectors.sandbox.world import CLIENT_SECRET, World

VERSIONS: dict[str, str | None] = {
    "v23.0": "2026-06-09",
    "v24.0": "2026-10-06",
    "v25.0": None,
    "v26.0": None,
}
"""Day from which a version is no longer served; None: not announced. UNVERIFIED: a copied table."""
APP_SECRET = CLIENT_SECRET

# UNVERIFIED choices
WRONG_PROOF = 100


async def params_of(request: Request) -> Document:
    """Parameters of query, form and JSON body together; the body wins."""
    found = decoded(request.query_params)
    kind = request.headers.get("content-type", "")
    if "json" in kind:
        try:
            body = await request.json()
        except ValueError:
            raise refusal(100, "The body is not JSON") from None
        if isinstance(body, dict):
            found |= {**body, "_json_body": True}
    elif "form" in kind:
        form = await request.form()
        found |= decoded({key: value for key, value in form.items() if isinstance(value, str)})
    return found


def authorize(world: World, header: str, params: Document) -> str:
    """The login of the token in the header or the parameter; raises Refused."""
    scheme, _, text = header.partition(" ")
    if scheme != "Bearer" or not text:
        text = str(params.get("access_token") or "")
    token = world.token(text)
    if token is None:
        raise refusal(190, "Invalid OAuth access token.", status=401)
    if token["state"] != "valid":
        subcode = 463 if token["state"] == "expired" else 460
        raise refusal(190, "Error validating access token.", subcode=subcode, status=401)
    proof = params.get("appsecret_proof")
    if proof is not None and proof != proof_of(text):
        raise refusal(WRONG_PROOF, "Invalid appsecret_proof provided in the API argument")
    return str(token["login"])


def proof_of(token: str) -> str:
    return hmac.new(APP_SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()


def check_version(version: str, now: float) -> None:
    if version not in VERSIONS:
        raise refusal(2635, "You are calling a version that does not exist")
    end = VERSIONS[version]
    if end is not None and datetime.fromtimestamp(now, UTC).date().isoformat() >= end:
        raise refusal(2635, "You are calling a deprecated version of the Ads API")
