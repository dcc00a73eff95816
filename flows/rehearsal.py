"""What was rehearsed against the sandbox must never be taken for what is on a platform.

The ledger remembers lists and corrections by account. An account that was filled in the sandbox and
then goes live under the same name would have a memory of lists that are not there.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.platforms import Account

FILE = "accounts.json"


def remember(state: Path, accounts: Sequence[Account]) -> None:
    """Record, before anything is sent, whether an account is the sandbox's."""
    known = {**{one.name: one.sandbox for one in accounts}, **_read(state)}
    path = state / FILE
    path.touch(mode=0o600)
    path.write_text(json.dumps(known, indent=1, sort_keys=True), encoding="utf-8")


def mixed_up(state: Path, accounts: Sequence[Account]) -> str:
    """What is wrong if an account changed between sandbox and platform; empty if all is well."""
    known = _read(state)
    changed = [one for one in accounts if known.get(one.name, one.sandbox) != one.sandbox]
    if not changed:
        return ""
    names = ", ".join(one.name for one in changed)
    was = "the sandbox" if known[changed[0].name] else "the platform"
    return (
        f"{names}: what the ledger remembers was sent to {was}, not to where sandbox = "
        f"{str(changed[0].sandbox).lower()} leads. Give the account another name in the project's "
        f"files, or set {state} aside to begin anew."
    )


def _read(state: Path) -> Mapping[str, bool]:
    path = state / FILE
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return {str(name): bool(sandbox) for name, sandbox in found.items()}
