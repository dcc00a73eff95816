"""Real receivers on loopback: an HTTP endpoint and an SMTP server, each remembering what came."""

import base64
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Endpoint(ThreadingHTTPServer):
    """Takes JSON by POST; answers with `status` and `answer`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.got: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.status, self.answer, self.location = 200, {"ok": True}, ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Post(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), json.loads(body)))
        said = json.dumps(self.server.answer).encode()
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


class PostOffice(socketserver.ThreadingTCPServer):
    """As much of SMTP as a letter needs; `password` is what a login must give."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.letters: list[tuple[list[str], Message]] = []
        self.logins: list[str] = []
        self.password = "letters please"
        self.refuses = False

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Session(socketserver.StreamRequestHandler):
    server: PostOffice

    def handle(self) -> None:
        self.say("220 post office")
        recipients: list[str] = []
        for raw in self.rfile:
            verb, _, rest = raw.decode().strip().partition(" ")
            match verb.upper():
                case "EHLO":
                    self.say("250-post office", "250 AUTH PLAIN")
                case "AUTH":
                    _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
                    self.server.logins.append(user)
                    well = password == self.server.password
                    self.say("235 welcome" if well else "535 no such login")
                case "RCPT":
                    recipients.append(rest.partition("<")[2].partition(">")[0])
                    self.say("550 nobody here" if self.server.refuses else "250 known")
                case "DATA":
                    self.say("354 go on")
                    self.server.letters.append((recipients, self.letter()))
                    self.say("250 taken")
                case "QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 well")

    def letter(self) -> Message:
        lines = []
        for raw in self.rfile:
            if raw == b".\r\n":
                break
            lines.append(raw.decode())
        return message_from_string("".join(lines), policy=default)

    def say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server, _running(server):
        yield server


@contextmanager
def post_office() -> Iterator[PostOffice]:
    with PostOffice() as server, _running(server):
        yield server


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
