"""The shipped project: complete, valid, private; and the settings around a project."""

import stat
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from config.audiences import Purpose
from config.faults import ConfigError
from config.features import FEATURES
from config.init import write_starter
from config.labels import SEGMENTS
from config.load import FILES, load_project
from config.settings import Credentials, Settings
from connectors.registry import PLATFORMS


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    write_starter(tmp_path / "shop")
    return tmp_path / "shop"


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch):
    for name in (*Settings.model_fields, "token"):
        monkeypatch.delenv(f"ADSTEER_{name.upper()}", raising=False)
        monkeypatch.delenv(f"SHOP_{name.upper()}", raising=False)


def test_the_starter_is_a_whole_project(shop):
    project = load_project(shop)
    assert project.adsteer.shop.as_of.isoformat() == "2011-12-09"
    assert (project.adsteer.shop.currency, project.account("yandex_ads").lists_from) == (
        "GBP",
        "yandex_lists",
    )
    assert all(account.sandbox for account in project.platforms.account)
    assert {export.path for export in project.exports.export} == {
        "exports/contacts.csv",
        "exports/orders.csv",
        "exports/costs.csv",
    }


def test_every_base_segment_has_its_list(shop):
    rules = load_project(shop).audience_rules
    assert {name: rules[name].text for name in SEGMENTS} == {
        name: f"segment = '{name}'" for name in SEGMENTS
    }
    assert rules["never_bought"].text == "orders = 0"
    assert rules["bought_long_ago"].text == "recency_days > 180"
    assert rules["repeat_buyers"].columns == {"repeat_buyers"}
    assert set().union(*(rule.columns for rule in rules.values())) <= {*FEATURES, "repeat_buyers"}


def test_the_seed_is_of_high_value(shop):
    (seed,) = (
        audience
        for audience in load_project(shop).audiences.audience
        if audience.purpose is Purpose.SEED
    )
    assert seed.ltv_floor is not None
    assert seed.lookalike.reach == (1, 3)


def test_the_starting_pack_of_corrections(shop):
    rules = load_project(shop).bid_rules
    assert {rule.segment: rule.correction for rule in rules.rule} == {
        "vip": -30,
        "loyal": -30,
        "new": 50,
        "promising": 50,
        "at_risk": 20,
        "vip_at_risk": 20,
        "sleeping": 20,
        "drifting": 20,
    }
    yandex, *others = rules.where
    assert (yandex.campaigns, yandex.ad_groups) == ((710427315,), (500001,))
    assert {one.account for one in others} == {"google_ads", "meta_ads", "microsoft_ads"}


def test_the_starter_is_bound_to_every_platform(shop):
    project = load_project(shop)
    bound = {account for one in project.audiences.audience for account in one.accounts}
    bound |= {one.account for one in project.bid_rules.where}
    assert bound == {one.name for one in project.platforms.account}
    assert {one.platform for one in project.platforms.account} == set(PLATFORMS)


def test_the_starter_keeps_the_published_figures(shop):
    project = load_project(shop)
    base = project.segments.base
    assert (base.lost_history_factor, base.wholesale_quantile, base.returner_share) == (0, 1, 1)
    assert project.audiences.holdout.share == 0


def test_every_file_of_the_starter_explains_itself(shop):
    for name in FILES:
        assert (shop / name).read_text(encoding="utf-8").startswith(f"# {name}: ")
        assert name in (shop / "README.md").read_text(encoding="utf-8")


def test_what_is_written_is_private_and_told(tmp_path):
    written = write_starter(tmp_path / "a" / "shop")
    folder = tmp_path / "a" / "shop"
    assert written == sorted(path for path in folder.rglob("*") if path.is_file())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    ignored = (folder / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {".env", ".adsteer/", "exports/", "secrets/"} <= set(ignored)


def test_nothing_is_overwritten(shop, tmp_path):
    before = {path: path.read_bytes() for path in shop.iterdir()}
    with pytest.raises(ConfigError, match="nothing is overwritten") as raised:
        write_starter(shop)
    assert {fault.file for fault in raised.value.faults} == {path.name for path in before}
    half = tmp_path / "half"
    half.mkdir()
    (half / "README.md").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError):
        write_starter(half)
    assert [path.name for path in half.iterdir()] == ["README.md"]
    assert {path: path.read_bytes() for path in shop.iterdir()} == before


def test_the_example_of_secrets_names_every_setting_that_is_one(shop):
    example = (shop / ".env.example").read_text(encoding="utf-8")
    secret = [name for name, field in Settings.model_fields.items() if "Secret" in str(field)]
    assert secret == ["catalog", "encryption_key"]
    for name in secret:
        assert f"ADSTEER_{name.upper()}=" in example
    for account in load_project(shop).platforms.account:
        assert f"# {account.secrets_prefix}" in example


def test_settings_come_from_the_environment_before_the_file(shop, monkeypatch):
    (shop / ".env").write_text("ADSTEER_LOG_LEVEL=ERROR\nADSTEER_SANDBOX_URL=http://a:1\n")
    monkeypatch.setenv("ADSTEER_LOG_LEVEL", "DEBUG")
    settings = Settings.load(shop)
    assert (settings.project, settings.log_level, settings.sandbox_url) == (
        shop,
        "DEBUG",
        "http://a:1",
    )
    monkeypatch.setenv("ADSTEER_PROJECT", str(shop))
    assert Settings.load().sandbox_url == "http://a:1"


def test_a_setting_that_does_not_fit_is_named_and_not_shown(shop):
    (shop / ".env").write_text("ADSTEER_ENCRYPTION_KEY=hunter2\nADSTEER_LOG_LEVEL=LOUD\n")
    with pytest.raises(ConfigError) as raised:
        Settings.load(shop)
    assert {fault.key for fault in raised.value.faults} == {
        "ADSTEER_ENCRYPTION_KEY",
        "ADSTEER_LOG_LEVEL",
    }
    assert "hunter2" not in str(raised.value) + repr(raised.value.__cause__)


class ShopCredentials(Credentials):
    """Secrets of an invented platform."""

    token: SecretStr = Field(min_length=5, description="OAuth token of the account.")
    client_id: str = Field(default="", description="Id of the application.")


def test_credentials_come_from_three_places_by_prefix(tmp_path, monkeypatch):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "shop_token").write_text("from-folder")
    assert token_of(tmp_path) == "from-folder"
    (tmp_path / ".env").write_text("SHOP_TOKEN=from-file\nOTHER_TOKEN=other-file\n")
    assert token_of(tmp_path) == "from-file"
    assert token_of(tmp_path, "OTHER_") == "other-file"
    monkeypatch.setenv("SHOP_TOKEN", "from-environment")
    assert token_of(tmp_path) == "from-environment"
    given = ShopCredentials.read("SHOP_", tmp_path, {"token": SecretStr("from-store")})
    assert given.token.get_secret_value() == "from-store"
    assert "from-store" not in repr(given)


def token_of(folder: Path, prefix: str = "SHOP_") -> str:
    return ShopCredentials.read(prefix, folder).token.get_secret_value()


def test_a_missing_secret_is_named_with_the_places_looked_in(tmp_path):
    with pytest.raises(ConfigError) as raised:
        ShopCredentials.read("SHOP_", tmp_path)
    (fault,) = raised.value.faults
    assert (fault.key, fault.expected) == ("SHOP_TOKEN", "OAuth token of the account")
    assert str(tmp_path / ".env") in fault.read
    assert "the environment" in fault.read


def test_a_secret_that_does_not_fit_is_never_shown(tmp_path):
    (tmp_path / ".env").write_text("SHOP_TOKEN=abc7\n")
    with pytest.raises(ConfigError) as raised:
        ShopCredentials.read("SHOP_", tmp_path)
    assert "SHOP_TOKEN" in str(raised.value)
    assert "abc7" not in str(raised.value)
