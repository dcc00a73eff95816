"""Requests hold a limited number of items."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in their order, at most `size` at a time; none when there are none."""
    return (items[start : start + size] for start in range(0, len(items), size))
