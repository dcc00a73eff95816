"""The base of everything a person may write: strict, frozen, described."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""How segments, audiences, accounts and sources are named: lower-case Latin, digits, `_`."""

Share = Annotated[float, Field(ge=0, le=1)]


class Written(BaseModel):
    """A table of a TOML file. Unknown keys are errors; every field says what it is for."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Labels(Written):
    """What a segment is called on the screen."""

    en: str = Field(description="English label.")
    ru: str = Field(description="Russian label.")
    uk: str = Field(description="Ukrainian label.")
