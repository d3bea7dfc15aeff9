"""Gateways that people really run, between the hub and an SMS centre."""

from collections.abc import Callable

import pytest

from tests.gateways.jasmin import ENVIRONMENT, JASMIND, RABBITMQ


@pytest.fixture
def needs_kannel(need: Callable[..., None]) -> None:
    need("bearerbox", why="Debian's package kannel")
    need("smpp34")


@pytest.fixture
def needs_jasmin(need: Callable[..., None]) -> None:
    need("rabbitmq-server", RABBITMQ.exists(), why="Debian's package rabbitmq-server")
    need("redis-server", why="Debian's package redis-server")
    need("jasmind.py", JASMIND.exists(), why=f"tests/gateways/jasmin.txt, in {ENVIRONMENT}")
    need("smpp34")
