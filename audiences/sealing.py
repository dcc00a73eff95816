"""Encryption at rest: Parquet files sealed with a key that is derived from one setting.

Parquet modular encryption, AES-256-GCM, footer and columns. One key seals every file: each part of
a file has a random nonce of 96 bits, which is safe for some four thousand million parts (NIST
SP 800-38D, section 8.3), and a project of daily runs writes thousands.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyarrow.parquet import encryption

PARQUET: Any = encryption  # its stubs are older than the two functions used here

SEALED_END = b"PARE"
"""The last four bytes of a Parquet file with an encrypted footer; a plain one ends in PAR1."""

SALT = b"adsteer snapshots, first form"


class Sealed(Exception):
    """A file is encrypted and there is no key, or another one, to read it with."""


@dataclass(frozen=True)
class Seal:
    """The key of a project's files."""

    key: bytes = field(repr=False)

    @classmethod
    def of(cls, setting: str) -> "Seal":
        """The key that a setting stands for (scrypt, RFC 7914)."""
        return cls(hashlib.scrypt(setting.encode(), salt=SALT, n=2**14, r=8, p=1, dklen=32))

    def to_write(self) -> Any:
        """Properties of a file that only this key opens."""
        return PARQUET.create_encryption_properties(self.key)

    def to_read(self) -> Any:
        """Properties that open a file of this key."""
        return PARQUET.create_decryption_properties(self.key)


def is_sealed(path: Path) -> bool:
    """Whether a Parquet file is encrypted."""
    with path.open("rb") as file:
        file.seek(-len(SEALED_END), 2)
        return file.read() == SEALED_END


def open_parquet(path: Path, seal: Seal | None) -> pq.ParquetFile:
    """A Parquet file, plain or sealed. Raises Sealed if this key does not open it.

    Plain files are read with a key as well: the setting may be newer than the file.
    """
    if not is_sealed(path):
        return pq.ParquetFile(path)
    if seal is None:
        raise Sealed(f"{path.name} is encrypted. Set ADSTEER_ENCRYPTION_KEY as it was then.")
    try:
        return pq.ParquetFile(path, decryption_properties=seal.to_read())
    except OSError:
        raise Sealed(
            f"{path.name} was encrypted with another key. Set ADSTEER_ENCRYPTION_KEY as it was "
            "then, or begin with a new state folder."
        ) from None
