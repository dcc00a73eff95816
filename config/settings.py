"""What the machine decides and not the project: the environment, `.env`, a folder of secrets.

Three places are read, the first one that has a value wins: the process environment, the file
`.env` of the project, the folder `secrets/` of the project (one file per variable, as containers
mount them). Secrets are `SecretStr` and never shown.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.faults import ConfigError, Fault

ENV_FILE = ".env"
SECRETS_FOLDER = "secrets"


class _FromOutside(BaseSettings):
    """Reading the three places, with errors that name a variable and never a value."""

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    @classmethod
    def _read(cls, prefix: str, folder: Path, given: Mapping[str, Any]) -> Self:
        secrets = folder / SECRETS_FOLDER
        sources: dict[str, Any] = {
            "_env_prefix": prefix,
            "_env_file": folder / ENV_FILE,
            "_env_file_encoding": "utf-8-sig",
            "_secrets_dir": secrets if secrets.is_dir() else None,
        }
        try:
            return cls(**sources, **given)
        except ValidationError as error:
            places = f"the environment, {folder / ENV_FILE} and {secrets}/"
            raise ConfigError(_faults(cls, prefix, error, places)) from None


def _faults(
    model: type[_FromOutside], prefix: str, error: ValidationError, places: str
) -> list[Fault]:
    faults = []
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(each["loc"][0]) if each["loc"] else ""
        field = model.model_fields.get(name)
        what = (field.description or name).rstrip(".") if field else "settings that fit together"
        missing = each["type"] == "missing"
        read = f"nothing in {places}" if missing else "a value that does not fit (not shown)"
        expected = what if missing else f"{what}: {each['msg']}"
        faults.append(Fault("settings", f"{prefix}{name.upper()}", read, expected))
    return faults


class Settings(_FromOutside):
    """adsteer's own settings, each from ADSTEER_ and its name in capitals."""

    project: Path = Field(default=Path(), description="Project folder.")
    catalog: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of the catalog; goes before adsteer.toml."
    )
    encryption_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Key that encrypts snapshots, 16 characters or more; plain files without.",
    )
    sandbox_url: str = Field(
        default="http://127.0.0.1:8765",
        pattern=r"^https?://[^\s@]+$",
        description="Where the sandbox listens.",
    )
    sandbox_speed: float = Field(
        default=1.0, gt=0, description="How many times faster than ours the sandbox's time runs."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least level that is logged."
    )

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Settings for a project folder, or for the one that ADSTEER_PROJECT names.

        Raises ConfigError that names the variable.
        """
        given = {} if folder is None else {"project": folder}
        chosen = folder or cls._read("ADSTEER_", Path(), {}).project
        return cls._read("ADSTEER_", chosen.expanduser(), {"project": chosen} | given)


class Credentials(_FromOutside):
    """Base of a platform's secrets; each connector declares its own in its own file.

        class YandexCredentials(Credentials):
            token: SecretStr = Field(description="OAuth token of the account.")

        YandexCredentials.read(account.secrets_prefix, project.folder)

    reads YANDEX_LISTS_TOKEN for an account named yandex_lists.
    """

    @classmethod
    def read(cls, prefix: str, folder: Path, given: Mapping[str, SecretStr] | None = None) -> Self:
        """Secrets of one account. `given` holds what a secret store has, by field name.

        Raises ConfigError that names the missing variable and the places looked in.
        """
        return cls._read(prefix, folder, given or {})


class AlertSecrets(Credentials):
    """What alerts need and adsteer.toml must not hold, each from ADSTEER_ALERTS_ and its name."""

    telegram_token: SecretStr | None = Field(default=None, description="Token of the bot.")
    slack_url: SecretStr | None = Field(default=None, description="Incoming webhook of a channel.")
    email_password: SecretStr | None = Field(default=None, description="Password of the login.")
    webhook_url: SecretStr | None = Field(default=None, description="Address that takes alerts.")
    webhook_token: SecretStr | None = Field(default=None, description="Bearer token for it.")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The secrets of a project folder. Raises ConfigError that names the variable."""
        return cls.read("ADSTEER_ALERTS_", folder)
