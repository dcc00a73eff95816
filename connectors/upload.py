"""A file part that is written while it is sent: no second copy of the members in memory."""

import uuid
from collections.abc import Callable, Iterator, Mapping


class FileUpload:
    """multipart/form-data with one file. It can be sent again: every turn starts afresh.

    `size` is the number of bytes that `content` will yield; platforms (and proxies) refuse
    uploads of unknown length. `fields` are plain parts that go before the file.
    """

    def __init__(
        self,
        content: Callable[[], Iterator[bytes]],
        size: int,
        *,
        part: str = "file",
        filename: str = "members.csv",
        fields: Mapping[str, str] | None = None,
    ) -> None:
        boundary = uuid.uuid4().hex
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._content = content
        plain = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in (fields or {}).items()
        )
        self._head = (
            f"{plain}--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{part}"; filename="{filename}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._length = len(self._head) + size + len(self._tail)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self._content()
        yield self._tail
