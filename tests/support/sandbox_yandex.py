"""Plain HTTP calls at the played Yandex, and files to send it. Knows none of our connectors."""

import hashlib
from collections.abc import Iterable
from typing import Any

import requests

from connectors.sandbox.server import Running

TIMEOUT = 20


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def crm(people: Iterable[int], header: str = "phone,email") -> bytes:
    """A hashed file, one person per row."""
    rows = [f"{digest(f'phone {n}')},{digest(f'email {n}')}" for n in people]
    return "\n".join([header, *rows, ""]).encode()


class Audience:
    """The API of segments, one method per operation; answers are raw responses."""

    def __init__(self, sandbox: Running, token: str = "OAuth sandbox-token") -> None:
        self._base = f"{sandbox.url}/yandex_audience/v1/management/"
        self.headers = {"Authorization": token}

    def ask(self, method: str, path: str, **given: Any) -> requests.Response:
        return requests.request(
            method, self._base + path, headers=self.headers, timeout=TIMEOUT, **given
        )

    def segments(self, **query: Any) -> list[dict[str, Any]]:
        return self.ask("GET", "segments", params=query).json()["segments"]

    def segment(self, number: int) -> dict[str, Any]:
        return next(one for one in self.segments() if one["id"] == number)

    def upload(self, content: bytes, path: str = "segments/upload_csv_file") -> requests.Response:
        return self.ask("POST", path, files={"file": ("people.csv", content)})

    def confirm(self, number: int, *, query: str = "", **wish: Any) -> requests.Response:
        given = {"hashed": True, "hashing_alg": "SHA256", "content_type": "crm", "name": "buyers"}
        body = {"segment": {"id": number, **given, **wish}}
        return self.ask("POST", f"segment/{number}/confirm{query}", json=body)

    def modify(
        self, number: int, how: str, content: bytes, *, query: str = ""
    ) -> requests.Response:
        path = f"segment/{number}/modify_data?modification_type={how}{query}"
        return self.ask("POST", path, files={"file": ("people.csv", content)})

    def uploaded(self, content: bytes) -> int:
        return int(self.upload(content).json()["segment"]["id"])

    def confirmed(self, content: bytes, *, query: str = "") -> int:
        number = self.uploaded(content)
        answer = self.confirm(number, query=query)
        assert answer.status_code == 200, answer.text
        return number


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Status and error type of an Audience error; its body says the status as well."""
    body = answer.json()
    assert body["code"] == answer.status_code
    return answer.status_code, body["errors"][0]["error_type"]


class Direct:
    """The JSON services; answers are bodies."""

    def __init__(self, sandbox: Running, version: str = "v5") -> None:
        self._base = f"{sandbox.url}/yandex_direct/json/{version}/"
        self.headers = {"Authorization": "Bearer sandbox-token"}

    def post(self, service: str, body: Any, **headers: str) -> requests.Response:
        return requests.post(
            self._base + service, json=body, headers=self.headers | headers, timeout=TIMEOUT
        )

    def ask(self, service: str, method: str, params: Any) -> dict[str, Any]:
        answer = self.post(service, {"method": method, "params": params})
        assert answer.status_code == 200
        return answer.json()

    def code(self, service: str, method: str, params: Any) -> int:
        """Code of a request-level error."""
        return int(self.ask(service, method, params)["error"]["error_code"])

    def items(self, service: str, method: str, params: Any) -> list[dict[str, Any]]:
        (results,) = self.ask(service, method, params)["result"].values()
        return results

    def item_codes(self, service: str, method: str, params: Any) -> list[list[int]]:
        """Codes of the errors of every item."""
        results = self.items(service, method, params)
        return [[error["Code"] for error in item.get("Errors", [])] for item in results]

    def add_list(self, segment: int = 4_900_001, name: str = "buyers") -> int:
        rules = [{"Operator": "ALL", "Arguments": [{"ExternalId": segment}]}]
        wish = {"RetargetingLists": [{"Name": name, "Rules": rules}]}
        return int(self.items("retargetinglists", "add", wish)[0]["Id"])
