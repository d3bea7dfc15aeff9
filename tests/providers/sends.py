"""What the tests of sending share: a message, an account of each dialect, its gateway."""

import asyncio
import json

import pytest

from delivrd.providers import provider
from delivrd.providers.base import Outgoing, Sought
from tests.providers.gateway import asked
from tests.providers.provider_cases import DIALECTS

MESSAGE = Outgoing(
    reference="018f-attempt",
    to="+447700900123",
    sender="AcmeInc",
    text="Grüße & mehr = ✓",
    unicode=True,
    segments=1,
    validity=None,
    callback_url=None,
)
SOUGHT = Sought("0A1", "+447700900123", "018f-attempt")
ACCOUNTS = {
    provider(dialect.provider).module: provider(dialect.provider).Settings(**dialect.account)
    for dialect in DIALECTS
    if dialect.account
}
"""An account of every dialect that sends: the table ``account`` of its cases."""


def send(module, answer=None, *, message=MESSAGE, status=200, **more):
    """What a send answers when the gateway says this, and what the gateway saw of it."""
    return _ask(module.send, module, message, answer, status, more)


def answered(module, answer=None, **more):
    return send(module, answer, **more)[0]


class _Called(Exception):
    pass


class _Nowhere:
    """Calls nobody."""

    async def request(self, method, url, **content):
        raise _Called(url)


def called(module, settings):
    """The address that a send calls."""
    with pytest.raises(_Called) as call:
        asyncio.run(module.send(MESSAGE, settings, _Nowhere()))
    return str(call.value)


def look_up(module, answer=None, *, sought=SOUGHT, status=200, **more):
    """What a look-up answers when the gateway says this, and what the gateway saw of it."""
    return _ask(module.look_up, module, sought, answer, status, more)


def _ask(function, module, about, answer, status, more):
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    settings = ACCOUNTS[module]
    return asyncio.run(asked(function, settings, about, status=status, body=body, **more))
