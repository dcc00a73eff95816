"""The base of everything a person may write: strict, frozen, described."""

from collections.abc import Iterable
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""How segments, audiences, accounts and sources are named: lower-case Latin, digits, `_`."""

Share = Annotated[float, Field(ge=0, le=1)]


class Written(BaseModel):
    """A table of a TOML file. Unknown keys are errors; every field says what it is for."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


class Labels(Written):
    """What a segment is called on the screen."""

    en: str = Field(description="English label.")
    ru: str = Field(description="Russian label.")
    uk: str = Field(description="Ukrainian label.")


def keys_of(model: type[Written], location: Iterable[int | str]) -> dict[str, str]:
    """Keys of the table at a place in a file, with their descriptions."""
    found: type[Written] | None = model
    for step in location:
        if found is not None and step in found.model_fields:
            found = _table_in(found.model_fields[str(step)].annotation)
    fields = found.model_fields if found is not None else {}
    return {name: field.description or "" for name, field in fields.items()}


def _table_in(annotation: Any) -> type[Written] | None:
    """The table inside an annotation such as `Table`, `Table | None` or `tuple[Table, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, Written):
        return annotation
    inner = (_table_in(each) for each in get_args(annotation))
    return next((table for table in inner if table is not None), None)
