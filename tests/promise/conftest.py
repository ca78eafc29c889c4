"""A stranger for each test, who must leave nothing behind."""

import pytest

from support.stranger import Stranger


@pytest.fixture
async def stranger(local, database_url):
    stranger = Stranger(local, database_url)
    yield stranger
    await stranger.left_nothing_else()
