"""What the processes of a server are told by the one that starts them, through the environment."""

import ipaddress
import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from llmring_core import known_hosts, metrics
from llmring_core.secret_store import read_secret
from llmring_core.secrets_key import own_key
from llmring_core.settings import Settings
from llmring_server.admin.token import token_of
from llmring_server.embedded import data_folder


def tell_workers(settings: Settings, url: str | None) -> None:
    """Put what we find out once into the environment, from which the processes of a server read it.

    AWS is asked for secrets now, and not while requests wait; a rotated one takes a new start.
    """
    if url is not None:
        os.environ["LLMRING_DATABASE_URL"] = url
    if settings.secrets_key is None and settings.secrets_key_secret is not None:
        name, member = settings.secrets_key_secret, "LLMRING_SECRETS_KEY"
        os.environ[member] = read_secret(name, member=member)
    elif settings.secrets_key is None and url is not None:
        os.environ["LLMRING_SECRETS_KEY"] = own_key(data_folder(settings))
    if (token := token_of(settings)) is not None:
        os.environ["LLMRING_ADMIN_TOKEN"] = token


@contextmanager
def shared_metrics(settings: Settings, workers: int) -> Iterator[None]:
    """Give several processes a folder to add their metrics up in, as long as they serve."""
    if workers == 1 or not settings.metrics or metrics.SHARED_FOLDER in os.environ:
        yield
        return
    with TemporaryDirectory(prefix="llmring-metrics-") as folder:
        os.environ[metrics.SHARED_FOLDER] = folder
        yield


def keep_to_itself(address: str, settings: Settings) -> bool:
    """On loopback, answer only who names this machine, and let MCP servers on it be called.

    Behind a proxy on the same machine whoever asks comes from it. So the latter is only for an
    operator who has not said which hosts this server is, nor which networks may be called.
    """
    if not ipaddress.ip_address(address).is_loopback or settings.allowed_hosts:
        return False
    os.environ["LLMRING_ALLOWED_HOSTS"] = known_hosts.HERE
    if "mcp_allowed_networks" in settings.model_fields_set:
        return False
    os.environ["LLMRING_MCP_ALLOWED_NETWORKS"] = "127.0.0.0/8,::1/128"
    return True
