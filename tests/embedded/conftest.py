"""A data folder of its own for each test, and servers on it."""

import pytest

from support.processes import data_folder, servers_on


@pytest.fixture
def folder():
    with data_folder() as folder:
        yield folder


@pytest.fixture
def start(folder):
    """Starts servers on one data folder."""
    with servers_on(folder) as start:
        yield start
