"""Yandex Audience keeps the contract, over HTTP against the sandbox."""

from connectors.yandex_audience import YandexAudience
from tests.support.contract import ConnectorContract, LookalikeContract, sandbox_server

__all__ = ["sandbox_server"]


class TestYandexAudience(ConnectorContract):
    platform = "yandex_audience"
    connector_class = YandexAudience
    create_operations = ("upload_csv_file", "confirm")
    add_operation = "modify_data"
    remove_operation = "modify_data"


class TestYandexAudienceLookalikes(LookalikeContract):
    platform = "yandex_audience"
    connector_class = YandexAudience
    grow_operation = "create_lookalike"
