"""Values of settings that are lists or URLs, as the environment writes them."""

import json
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, IPvAnyNetwork, SecretStr
from pydantic_settings import NoDecode

from llmring_core.database_urls import check_database_url


def _split(value: object) -> object:
    """Read a comma-separated list; `none` says that it is empty on purpose."""
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    return [] if parts == ["none"] else parts


def _split_origins(value: object) -> object:
    is_json = isinstance(value, str) and value.lstrip().startswith("[")
    return json.loads(str(value)) if is_json else _split(value)


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^\s/]+", origin):
            raise ValueError(f"{origin} is not an origin such as https://app.example.org")
    return origins


def _check_hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    for host in hosts:
        if not re.fullmatch(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", host):
            raise ValueError(f"{host} is not a host name")
    return hosts


def _check_own_hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    return hosts if hosts == ("*",) else _check_hosts(hosts)


def _check_database_url(value: SecretStr) -> SecretStr:
    check_database_url(value.get_secret_value())
    return value


def _check_redis_url(value: SecretStr) -> SecretStr:
    if not re.match(r"(rediss?|unix)://", value.get_secret_value()):
        raise ValueError("not a redis:// URL")
    return value


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_split)]
Hosts = Annotated[Texts, AfterValidator(_check_hosts)]
OwnHosts = Annotated[Texts, AfterValidator(_check_own_hosts)]
Origins = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_split_origins), AfterValidator(_check_origins)
]
DatabaseURL = Annotated[SecretStr, AfterValidator(_check_database_url)]
RedisURL = Annotated[SecretStr, AfterValidator(_check_redis_url)]
