"""From a folder of TOML files to a checked `Project`, or to one list of everything wrong."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.audiences import AudiencesFile
from config.bid_rules import BidRulesFile
from config.cross_checks import cross_check
from config.experiments import ExperimentsFile
from config.exports import ExportsFile
from config.faults import ConfigError, Fault, nearest, shown
from config.model import Written, keys_of
from config.platforms import PlatformsFile
from config.project import Project
from config.schedules import SchedulesFile
from config.segments import SegmentsFile
from config.shop import AdsteerFile

FILES: Mapping[str, type[Written]] = {
    "adsteer.toml": AdsteerFile,
    "exports.toml": ExportsFile,
    "segments.toml": SegmentsFile,
    "audiences.toml": AudiencesFile,
    "bid_rules.toml": BidRulesFile,
    "platforms.toml": PlatformsFile,
    "schedules.toml": SchedulesFile,
    "experiments.toml": ExperimentsFile,
}
"""The files of a project and what each holds; the last two may be missing."""

_MAY_BE_MISSING = frozenset({"schedules.toml", "experiments.toml"})
_ENUMERATED = re.compile(r"\^\(([a-z|]+)\)\$")
_WORDED = {
    r"^[a-z][a-z0-9_]{0,39}$": "a name of lower-case Latin letters, digits and _, at most 40",
    r"^[A-Z]{3}$": "three capital letters, such as RUB",
    r"^\d+(MB|GB)$": "a size such as 1500MB or 4GB",
    r"^[A-Z][A-Z0-9_]*_$": "a prefix of capital letters that ends in _, such as YANDEX_",
    r"^[A-Z][A-Z0-9_]*$": "the name of an environment variable, such as CRM_DATABASE_URL",
    r"^[.,]$": "'.' or ','",
}

_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "decimal_type": "a number",
    "finite_number": "an ordinary number",
    "string_type": "a text in quotes",
    "string_too_short": "at least {min_length} characters",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "date_type": "a date such as 2011-12-09, without quotes",
    "date_from_datetime_inexact": "a date such as 2011-12-09, without quotes and time",
    "date_parsing": "a date such as 2011-12-09, without quotes",
    "date_from_datetime_parsing": "a date such as 2011-12-09, without quotes and time",
    "too_short": "at least {min_length} in this list",
    "too_long": "at most {max_length} in this list",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
}
"""What pydantic's kinds of error mean to a person."""


def load_project(folder: Path) -> Project:
    """Read and check every file of a project folder; raises ConfigError with all faults at once."""
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise ConfigError([Fault(str(folder), "", "no folder", _made_by_init(folder))])
    faults: list[Fault] = []
    files: dict[str, Any] = {}
    for name, model in FILES.items():
        try:
            files[name.removesuffix(".toml")] = _load_file(folder, name, model)
        except ConfigError as error:
            faults.extend(error.faults)
    faults.extend(cross_check(**files))
    if faults:
        raise ConfigError(faults)
    return Project(folder=folder, **files)


def check_text(file: str, text: str) -> Written:
    """One file's content, checked alone: what an editor asks before it saves.

    Raises ConfigError; names that other files hold are not looked up.
    """
    raw = _parse(file, text)
    try:
        # By way of JSON, because only there a strict model takes lists, enums and exact decimals.
        return FILES[file].model_validate_json(json.dumps(raw, default=_iso), strict=True)
    except ValidationError as error:
        raise ConfigError(_faults(file, raw, error.errors(include_url=False))) from None


def _load_file(folder: Path, name: str, model: type[Written]) -> Written:
    try:
        text = (folder / name).read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        if name in _MAY_BE_MISSING:
            return model()
        others = sorted({path.name for path in folder.glob("*.toml")} - set(FILES))
        near = nearest(name, others)
        raise ConfigError(
            [Fault(name, "", "no such file", _made_by_init(folder), nearest=near)]
        ) from None
    except UnicodeDecodeError as error:
        read = f"bytes that are not UTF-8 (from byte {error.start})"
        raise ConfigError([Fault(name, "", read, "a text file saved as UTF-8")]) from None
    except OSError as error:
        read = f"nothing ({error.strerror})"
        raise ConfigError([Fault(name, "", read, "a file that can be read")]) from None
    return check_text(name, text)


def _made_by_init(folder: Path) -> str:
    return f"a project; `adsteer init {folder.name}` makes one with every file"


def _parse(file: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said, _, place = str(error).partition(" (at ")
        where = place.removesuffix(")") or "end of document"
        raise ConfigError([Fault(file, where, f"broken TOML ({said})", "valid TOML")]) from None


def _iso(value: object) -> str:
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    raise TypeError(f"TOML has no {type(value).__name__}")


def _faults(file: str, raw: dict[str, Any], errors: Iterable[ErrorDetails]) -> list[Fault]:
    """One fault per key: where a key may be of several kinds, pydantic reports each of them."""
    by_key: dict[str, Fault] = {}
    for error in errors:
        fault = _fault(file, raw, error)
        if fault is None:
            continue
        first = by_key.get(fault.key)
        if first is None:
            by_key[fault.key] = fault
        elif fault.expected not in first.expected:
            expected = f"{first.expected} or {fault.expected}"
            known = first.known or fault.known
            by_key[fault.key] = Fault(
                file, fault.key, first.read, expected, known, first.nearest or fault.nearest
            )
    # Of a key that may be a list, only the wrong item is told, not that it is no number either.
    inner = tuple(by_key)
    return [
        fault
        for key, fault in by_key.items()
        if not any(each.startswith((f"{key}[", f"{key}.")) for each in inner)
    ]


def _fault(file: str, raw: dict[str, Any], error: ErrorDetails) -> Fault | None:
    kind, context = error["type"], error.get("ctx", {})
    key, value = _locate(raw, error["loc"], missing=kind == "missing")
    if kind == "missing" and isinstance(error["loc"][-1], int):
        return Fault(file, key, shown(value, key), "more values in this list")
    if kind == "missing":
        what = keys_of(FILES[file], error["loc"][:-1]).get(str(error["loc"][-1]), "a value")
        return Fault(file, key, "nothing", f"this key: {what.rstrip('.')}")
    if kind == "extra_forbidden":
        return _unknown_key(file, key, error["loc"])
    if kind == "too_short" and len(value) >= context.get("min_length", 0):
        return None  # its entries are faulty and reported themselves
    read = shown(value, key)
    if kind == "value_error":
        return Fault(file, key, read, str(context["error"]))
    known, expected = _expected(kind, context, error["msg"])
    if kind == "tuple_type" and isinstance(value, dict):
        expected = f"a list of tables: write [[{key}]] and not [{key}]"
    if kind == "model_type" and isinstance(value, list):
        expected = f"one table: write [{key}] and not [[{key}]]"
    return Fault(file, key, read, expected, known, nearest(value, known))


def _unknown_key(file: str, key: str, location: tuple[int | str, ...]) -> Fault:
    name = str(location[-1])
    known = tuple(sorted(keys_of(FILES[file], location[:-1])))
    expected = "a known key"
    if re.search(r"token|secret|passw|api_?key", name, re.IGNORECASE):
        expected = "no secret in this file: put it into .env, as README.md of the project says"
    return Fault(file, key, f"the key {name!r}", expected, known, nearest(name, known))


def _expected(kind: str, context: dict[str, Any], message: str) -> tuple[tuple[str, ...], str]:
    """Known values, if they are a closed list, and what is expected, in words."""
    if kind in ("enum", "literal_error"):
        known = tuple(re.findall(r"'([^']*)'", str(context["expected"])))
        return known, " or ".join(repr(each) for each in known)
    pattern = str(context.get("pattern", ""))
    if enumerated := _ENUMERATED.fullmatch(pattern):
        known = tuple(enumerated[1].split("|"))
        return known, "one of the known values"
    if pattern in _WORDED:
        return (), _WORDED[pattern]
    return (), _KINDS.get(kind, message).format(**context)


def _locate(raw: Any, location: tuple[int | str, ...], *, missing: bool) -> tuple[str, Any]:
    """Key path as a person counts (`audience[2].people`) and what stands there.

    Steps that pydantic adds for the branch of a union are not in the file and are left out.
    """
    path, value = "", raw
    for index, step in enumerate(location):
        last_missing = missing and index == len(location) - 1
        if isinstance(value, dict) and (step in value or last_missing):
            path, value = f"{path}.{step}".lstrip("."), value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            path, value = f"{path}[{step + 1}]", value[step]
    return path, value
