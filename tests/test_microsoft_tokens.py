"""Microsoft: refresh tokens that go on from run to run, and who consents."""

from urllib.parse import parse_qs

import pytest
from responses import matchers

from config.faults import ConfigError
from connectors.errors import CredentialsRefused, RuleRefused
from tests.support.surroundings import surroundings
from tests.support.wire_microsoft import ALL, BASE, call, connector, fault, made, secrets

__all__ = ["connector", "secrets"]


TOKENS = "https://login.microsoftonline.com/common/oauth2/v2.0/token"


def granted(net, refresh, access, fresh):
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh,
        "client_id": "application",
        "scope": "https://ads.microsoft.com/msads.manage offline_access",
    }
    answer = {"access_token": access, "expires_in": 3600, "refresh_token": fresh}
    net.add("POST", TOKENS, json=answer, match=[matchers.urlencoded_params_matcher(form)])


def checked(net, token, answer=None, **more):
    good = {"Audiences": [], "PartialErrors": []}
    sent = {"Authorization": f"Bearer {token}"}
    call(net, "Audiences/QueryByIds", ALL, answer or good, sent=sent, **more)


EXPIRED = fault(109, "AuthenticationTokenExpired")


def test_the_first_token_is_fetched_and_the_next_refresh_uses_the_new_one(net, secrets):
    secrets()
    around = surroundings()
    first, second = made(around), made(around, name="other", secrets="MS_")
    granted(net, "refresh-one", "token-one", "refresh-two")
    checked(net, "token-one")
    checked(net, "token-one")
    checked(net, "token-one", EXPIRED, status=401)
    granted(net, "refresh-two", "token-two", "refresh-three")
    checked(net, "token-two")
    checked(net, "token-two")
    first.check()
    second.check()  # another account with the same secrets
    second.check()
    first.check()


def test_the_next_run_goes_on_with_the_refresh_token_of_this_one(net, secrets, tmp_path):
    secrets()
    granted(net, "refresh-one", "token-one", "refresh-two")
    checked(net, "token-one")
    made(surroundings(state=tmp_path / "state")).check()
    (kept,) = (tmp_path / "state").glob("*.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    checked(net, "token-one", EXPIRED, status=401)
    granted(net, "refresh-two", "token-two", "refresh-three")
    checked(net, "token-two")
    made(surroundings(state=tmp_path / "state")).check()


def test_a_consent_that_was_given_anew_counts(net, secrets, monkeypatch, tmp_path):
    secrets()
    granted(net, "refresh-one", "token-one", "refresh-two")
    checked(net, "token-one")
    made(surroundings(state=tmp_path)).check()
    monkeypatch.setenv("MS_REFRESH_TOKEN", "consented-again")
    granted(net, "consented-again", "token-two", "refresh-three")
    checked(net, "token-two")
    made(surroundings(state=tmp_path)).check()


def test_a_consent_that_is_gone_is_the_operators(net, secrets):
    secrets()
    net.add("POST", TOKENS, json={"error": "invalid_grant"}, status=400)
    with pytest.raises(CredentialsRefused, match="invalid_grant") as caught:
        made(surroundings()).check()
    assert "second factor" in caught.value.act
    assert "REFRESH_TOKEN" in caught.value.act
    assert "refresh-one" not in str(caught.value)


def test_a_token_without_a_refresh_token_ends(net, secrets):
    secrets(TOKEN="secret-token", REFRESH_TOKEN=None)
    checked(net, "secret-token", fault(105, "InvalidCredentials"), status=401)
    with pytest.raises(CredentialsRefused):
        made(surroundings()).check()


def test_a_confidential_application_sends_its_secret_and_its_tenant(net, secrets):
    secrets(CLIENT_SECRET="hush", TENANT="contoso.example")
    net.add("POST", TOKENS.replace("common", "contoso.example"), json={"access_token": "t"})
    checked(net, "t")
    made(surroundings()).check()
    assert parse_qs(net.calls[0].request.body)["client_secret"] == ["hush"]


def test_a_user_who_signs_in_with_google(net, secrets):
    """Google's token endpoint, and a header that says so; the refresh token stays."""
    secrets(IDENTITY_PROVIDER="google", CLIENT_SECRET="hush")
    form = {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-one",
        "client_id": "application",
        "client_secret": "hush",
    }
    for token in ("first", "second"):
        net.add(
            "POST",
            "https://oauth2.googleapis.com/token",
            json={"access_token": token, "expires_in": 3599},
            match=[matchers.urlencoded_params_matcher(form)],
        )
        expected = {"Authorization": f"Bearer {token}", "IdentityProvider": "Google"}
        expired = fault(109, "AuthenticationTokenExpired")
        answer = expired if token == "first" else {"Audiences": []}
        net.add(
            "POST",
            BASE + "Audiences/QueryByIds",
            json=answer,
            status=401 if token == "first" else 200,
            match=[matchers.header_matcher(expected)],
        )
    made(surroundings()).check()


def test_what_an_account_must_have(secrets, monkeypatch, tmp_path):
    around = surroundings(folder=tmp_path)
    with pytest.raises(ConfigError, match="MS_DEVELOPER_TOKEN"):
        made(around)
    secrets(REFRESH_TOKEN=None)
    with pytest.raises(CredentialsRefused, match="MS_REFRESH_TOKEN"):
        made(around)
    secrets(CLIENT_ID="")
    with pytest.raises(CredentialsRefused, match="MS_CLIENT_ID") as caught:
        made(around)
    assert "Entra" in caught.value.act
    secrets()
    with pytest.raises(RuleRefused, match="login"):
        made(around, login=None)
    monkeypatch.setenv("MS_CUSTOMER_ID", "none")
    with pytest.raises(ConfigError, match="MS_CUSTOMER_ID"):
        made(around)


def test_nothing_shows_a_secret(connector):
    shown_ = f"{connector!r} {vars(connector)!r}"
    assert not [one for one in ("developer-secret", "secret-token", "refresh-one") if one in shown_]
