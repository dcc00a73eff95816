"""A server on loopback that answers with bytes as given, and may hang up or say nothing."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

SILENCE = b""


@contextmanager
def line(answers: Sequence[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Address, and the requests seen; answer k goes to connection k, which is then closed."""
    seen: list[bytes] = []
    done = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(10)

    def serve() -> None:
        for answer in answers:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                seen.append(connection.recv(65536))
                if answer is SILENCE:
                    done.wait(10)
                else:
                    connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/", seen
    finally:
        done.set()
        server.close()
        thread.join(15)
