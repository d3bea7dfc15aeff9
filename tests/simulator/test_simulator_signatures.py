"""The simulated gateways sign as the vendors' own libraries check."""

import asyncio
import base64
import json
from urllib.parse import parse_qs

import aiohttp
import jwt
import pytest
from aiohttp import web
from plivo.utils.signature_v3 import validate_v3_signature
from twilio.request_validator import RequestValidator

from delivrd.simulator import Simulation, messages, record
from delivrd.simulator.dialects import gatewayapi, plivo, telnyx, twilio

SECRET = "a secret of thirty-two characters"
WEBHOOKS = ("https://hub.example/webhooks/a", "https://hub.example:8443/w?b=2&a=x%20y&a=1")


def pushed(name, account):
    """What the gateway pushes to that account."""
    texts = messages(seed=4, number=20, gateways={name: 1.0})
    recording = record(texts, start=1_760_000_000.0, accounts={name: account})
    return [recorded.call for recorded in recording.calls]


@pytest.mark.parametrize("webhook", WEBHOOKS)
def test_twilio_s_callbacks_pass_twilio_s_validator(webhook):
    for call in pushed("twilio", twilio.Account(webhook=webhook, auth_token=SECRET)):
        form = {name: value for name, [value] in parse_qs(call.body.decode()).items()}
        signature = dict(call.headers)["X-Twilio-Signature"]
        assert RequestValidator(SECRET).validate(call.url, form, signature)


@pytest.mark.parametrize("shape", plivo.SHAPES)
@pytest.mark.parametrize("webhook", WEBHOOKS)
def test_plivo_s_callbacks_pass_plivo_s_validator(webhook, shape):
    account = plivo.Account(webhook=webhook, auth_token=SECRET, shape=shape)
    for call in pushed("plivo", account):
        headers, form = dict(call.headers), parse_qs(call.body.decode())
        nonce = headers["X-Plivo-Signature-V3-Nonce"]
        signature = headers["X-Plivo-Signature-V3"]
        fields = {name: value for name, [value] in form.items()}
        assert validate_v3_signature(call.method, call.url, nonce, SECRET, signature, fields)


def test_gatewayapi_s_token_repeats_the_notification():
    account = gatewayapi.Account(signature_secret=SECRET, shape=gatewayapi.REST)
    for call in pushed("gatewayapi", account):
        token = dict(call.headers)["X-Gwapi-Signature"]
        assert jwt.decode(token, SECRET, algorithms=["HS256"]) == json.loads(call.body)


def test_the_public_key_of_the_simulated_telnyx_is_that_of_its_signer():
    key = telnyx._key(telnyx.SIGNER).public_key().public_bytes_raw()
    assert base64.b64encode(key).decode() == telnyx.PUBLIC_KEY


async def unacknowledged():
    """A send through Telnyx to a hub that takes nothing, and what the hub got."""
    got = []

    async def refuse(request):
        got.append(await request.json())
        return web.Response(status=500)

    app = web.Application()
    app.router.add_post("/", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    account = telnyx.Account(webhook="http://{}:{}/".format(*runner.addresses[0]))
    async with (
        Simulation(speed=10_000, accounts={"telnyx": account}) as simulation,
        aiohttp.ClientSession(headers={"Authorization": "Bearer key"}) as client,
    ):
        text = {"from": "+447400000002", "to": "+447400000001", "text": "x"}
        await client.post(simulation.addresses["telnyx"] + "/v2/messages", json=text)
        assert await simulation.quiesce(within=10)
    await runner.cleanup()
    return got


def test_telnyx_tries_each_event_three_times_and_counts():
    tries = {}
    for event in asyncio.run(unacknowledged()):
        tries.setdefault(event["data"]["id"], []).append(event["meta"]["attempt"])
    assert tries
    assert all(counts == [1, 2, 3] for counts in tries.values())
