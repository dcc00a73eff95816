"""Why an export is refused as a whole, and how a refused value may be shown."""

import ibis.expr.types as ir


class ExportRefused(Exception):
    """An export that cannot be read: which file, what is wrong, what to do about it.

    Its text never holds a value of the file.
    """

    def __init__(self, file: str, what: str, todo: str) -> None:
        super().__init__(f"{file}: {what}. {todo}")
        self.file, self.what, self.todo = file, what, todo

    def __reduce__(self) -> tuple[type["ExportRefused"], tuple[str, str, str]]:
        return type(self), (self.file, self.what, self.todo)


SHOWN = 40
"""Characters of a masked value that are kept."""


def masked(value: ir.StringValue) -> ir.StringValue:
    """The shape of a value and nothing else: letters become a, digits 9, the rest stays or is ?."""
    shape = value.substr(0, SHOWN).re_replace(r"\p{L}", "a").re_replace(r"\p{N}", "9")
    return shape.re_replace(r"[^a9 .,;:@+/()_-]", "?")
