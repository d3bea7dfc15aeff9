"""Gateways that people really run, between the hub and an SMS centre."""

from collections.abc import Callable

import pytest


@pytest.fixture
def needs_kannel(need: Callable[..., None]) -> None:
    need("bearerbox", why="Debian's package kannel")
    need("smpp34")
