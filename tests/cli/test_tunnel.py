"""What the tunnel's proxy passes: webhooks, of accounts that can tell who calls (rule H2)."""

import asyncio
import http.client

import pytest
from aiohttp import web

from delivrd.cli.tunnel import passed, proxy
from delivrd.config import Config
from delivrd.providers import provider


def through(*calls, hub=None):
    """The statuses of these calls (method, path, headers, body), and what reached the hub."""
    reached = []

    async def take(request):
        body = await request.read()
        reached.append((request.method, request.raw_path, dict(request.headers), body))
        return web.Response(status=207, body=b"taken", headers={"X-Answered": "yes"})

    def call(port, method, path, headers=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.getheader("X-Answered"), answer.read()

    async def run():
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = hub or f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with proxy(url, {"main"}) as port:
            answers = [await asyncio.to_thread(call, port, *each) for each in calls]
        await runner.cleanup()
        return answers

    return asyncio.run(run()), reached


def test_a_webhook_is_passed_byte_for_byte_and_answered_as_the_hub_answers():
    headers = {"X-Signature": "abc", "Content-Type": "application/json"}
    path = "/webhooks/main/s3cret/a%20b?x=1&y=%2B%00"
    (answer,), (reached,) = through(("POST", path, headers, b'{"a": 1}'))
    assert answer == (207, "yes", b"taken")
    method, raw_path, got, body = reached
    assert (method, raw_path, body) == ("POST", path, b'{"a": 1}')
    assert got["X-Signature"] == "abc"
    assert got["Content-Type"] == "application/json"


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_each_method_of_a_webhook_passes(method):
    (answer,), reached = through((method, "/webhooks/main"))
    assert answer[0] == 207
    assert reached[0][0] == method


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/messages",
        "/sign-in",
        "/webhooks",
        "/webhooks/",
        "/webhooks/open",
        "/webhooks/mainly",
        "/webhooks/MAIN",
        "/webhooks/main%2F..%2F..%2Fv1/keys",
        "/webhooks/main/../../v1/keys",
        "/webhooks/main/%2e%2e/%2E%2e/v1/keys",
        "/webhooks/main/..%5c..%5cv1",
        "/webhooks/../v1/keys",
        "//webhooks/main",
        "/v1/keys?/webhooks/main",
        "http://127.0.0.1/v1/keys",
    ],
)
def test_all_else_is_refused_and_never_reaches_the_hub(path):
    (answer,), reached = through(("GET", path))
    assert answer[0] in (400, 404)
    assert reached == []


def test_a_hub_that_is_away_is_told_as_503_so_that_the_gateway_comes_again():
    (answer,), _ = through(("GET", "/webhooks/main"), hub="http://127.0.0.1:9")
    assert answer[0] == 503


def test_only_accounts_with_a_secret_are_passed():
    def ruach(**more):
        return provider("ruach").Settings(receive_only=True, **more)

    config = Config(
        accounts={
            "secret": ruach(webhook_secret="a-webhook-secret"),
            "basic": ruach(basic_auth="user:a-password-of-it"),
            "listed": ruach(allow_from=("192.0.2.0/24",)),
            "bare": ruach(),
            "open": ruach(open=True),
            "signed": provider("vonage").Settings(
                receive_only=True, signature_secret="a-signature-secret"
            ),
        }
    )
    assert passed(config) == {"secret", "basic", "signed"}


def test_without_such_an_account_the_command_says_what_to_set(delivrd, tmp_path):
    (tmp_path / "delivrd.toml").write_text(
        '[accounts.bare]\nprovider = "ruach"\nreceive_only = true'
    )
    ran = delivrd("tunnel")
    assert ran.code == 2
    assert "webhook_secret" in ran.err
