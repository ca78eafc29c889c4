"""What a server warns of when it starts, by the address that it listens at."""

import pytest

from llmring_core.settings import Settings
from llmring_server.first_lines import first_lines

OPEN = "LLMRING_AUTH_MODE=open lets everybody in who reaches this address"


class Listener:
    """Stands for a socket at an address that this machine need not have."""

    def __init__(self, host):
        self.host = host

    def getsockname(self):
        return (self.host, 9100, 0, 0) if ":" in self.host else (self.host, 9100)


def warns(host, mode="open"):
    settings = Settings(_env_file=None, database_url="postgresql://h/d", auth_mode=mode)
    return any(OPEN in line for line in first_lines(settings, Listener(host), None, False))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.20", "10.0.0.7", "fd00::7"])
def test_an_open_door_at_an_address_that_others_reach_is_warned_of(host):
    assert warns(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1"])
def test_an_open_door_that_only_this_machine_reaches_is_not(host):
    assert not warns(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.20"])
def test_a_door_for_registered_keys_is_not(host):
    assert not warns(host, "registered")
