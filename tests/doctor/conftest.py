"""A machine with other accounts, for the tests of rights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.uploaders.accounts import Machine
from tests.uploaders.accounts import machine as new_machine


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine with the accounts eggwatch, alice and bob, all in the group packages, and carol."""
    with new_machine() as machine:
        yield machine
