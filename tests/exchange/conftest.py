"""What tests of the Deribit dialect share."""

import pytest

from tests.exchange.clients import ALICE, BOB, Clients


@pytest.fixture
def clients() -> Clients:
    clients = Clients()
    clients.connect("a", ALICE)
    clients.connect("b", BOB)
    return clients
