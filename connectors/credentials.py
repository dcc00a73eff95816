"""Secrets of an account, from the environment or an .env file, by the account's own prefix."""

from pathlib import Path
from typing import Self

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from connectors.errors import CredentialsRefused


class Credentials(BaseSettings):
    """Base of a platform's credentials; every field is a variable: prefix + NAME IN CAPITALS."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    @classmethod
    def read(cls, prefix: str, env_file: Path | None = None) -> Self:
        """Raises CredentialsRefused that names every variable that is missing or unusable."""
        try:
            return cls(_env_prefix=prefix, _env_file=env_file)
        except ValidationError as fault:
            names = sorted({prefix + str(error["loc"][0]).upper() for error in fault.errors()})
        raise CredentialsRefused(
            f"missing or unusable: {', '.join(names)}.",
            act="Set them in the environment or in the project's .env file.",
        )
