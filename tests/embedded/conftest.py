"""A data folder of its own for each test, and servers on it."""

import pytest

from support.processes import Server, data_folder, until


@pytest.fixture
def folder():
    with data_folder() as folder:
        yield folder


@pytest.fixture
def start(folder):
    """Starts servers on one data folder."""
    servers = []

    def start(*options, **variables):
        server = Server(*options, data_dir=folder, **variables)
        servers.append(server)
        until(server.is_healthy)
        return server

    yield start
    for server in servers:
        server.close()
