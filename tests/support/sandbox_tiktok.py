"""Plain HTTP calls at the played TikTok, and files to send it. Knows none of our connectors."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import requests

from connectors.sandbox.server import Running

TIMEOUT = 20
ADVERTISER, SECOND = "7000000001", "7000000002"
FOREIGN = "180000001"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def addresses(people: Iterable[int]) -> bytes:
    """A file of one type: a hashed address per line."""
    return "".join(f"{digest(f'email {n}')}\n" for n in people).encode()


class TikTok:
    """The API of one advertiser. Answers are envelopes; HTTP says 200 whatever happens."""

    def __init__(
        self, sandbox: Running, advertiser: str = ADVERTISER, token: str | None = "sandbox-token"
    ) -> None:
        self.base = f"{sandbox.url}/tiktok/open_api/v1.3/"
        self.advertiser = advertiser
        self.headers = {} if token is None else {"Access-Token": token}

    def ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        answer = requests.request(
            method, self.base + path, headers=self.headers, timeout=TIMEOUT, **given
        )
        assert answer.status_code == 200
        body = answer.json()
        assert set(body) == {"code", "message", "request_id", "data"}
        return dict(body)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Lists and objects go as JSON text."""
        given = {"advertiser_id": self.advertiser, **query}
        texts = {k: v if isinstance(v, str | int) else json.dumps(v) for k, v in given.items()}
        return self.ask("GET", path, params=texts)

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        return self.ask("POST", path, json={"advertiser_id": self.advertiser, **body})

    def upload(
        self, content: bytes, kind: str = "EMAIL_SHA256", name: str = "people.csv", **fields: str
    ) -> dict[str, Any]:
        given = {
            "advertiser_id": self.advertiser,
            "file_signature": hashlib.md5(content).hexdigest(),
            "calculate_type": kind,
        }
        return self.ask(
            "POST",
            "dmp/custom_audience/file/upload/",
            data={**given, **fields},
            files={"file": (name, content)},
        )

    def uploaded(self, people: Iterable[int]) -> str:
        path = self.upload(addresses(people))["data"]["file_path"]
        assert len(path) == 16
        return str(path)

    def create(self, paths: list[str], **more: Any) -> dict[str, Any]:
        body = {"custom_audience_name": "buyers", "calculate_type": "EMAIL_SHA256", **more}
        return self.post("dmp/custom_audience/create/", file_paths=paths, **body)

    def created(self, people: Iterable[int]) -> str:
        answer = self.create([self.uploaded(people)])
        assert answer["code"] == 0, answer
        return str(answer["data"]["custom_audience_id"])

    def update(self, number: str, **change: Any) -> dict[str, Any]:
        return self.post("dmp/custom_audience/update/", custom_audience_id=number, **change)

    def change(self, number: str, action: str, people: Iterable[int]) -> dict[str, Any]:
        return self.update(number, action=action, file_paths=[self.uploaded(people)])

    def details(self, number: str) -> dict[str, Any]:
        found = self.get("dmp/custom_audience/get/", custom_audience_ids=[number])["data"]["list"]
        return dict(found[0]["audience_details"])

    def group(self, number: str) -> dict[str, Any]:
        found = self.get("adgroup/get/", filtering={"adgroup_ids": [number]})["data"]["list"]
        return dict(found[0])

    def bid(self, number: str, **change: Any) -> int:
        """The code of a changed ad group."""
        return int(self.post("adgroup/update/", adgroup_id=number, **change)["code"])
