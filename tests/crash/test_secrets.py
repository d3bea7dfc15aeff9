"""A canary in every secret setting, and nowhere else (rules B1, H1)."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from aiohttp import web

from tests.crash.crash_support import ADMIN_KEY, HEADERS, Process
from tests.support import run, until

CANARIES = {
    "api_secret": "canary-vonage-api-secret",
    "signature_secret": "canary-vonage-signature",
    "webhook_secret": "canary-webhook-secret",
    "basic_password": "canary-basic-password",
    "api_key": "canary-ruach-api-key",
    "hash": "canary-smspm-hash",
    "token": "canary-smspm-token",
    "channel": "canary-channel-token",
    "relay": "whsec_Y2FuYXJ5LXJlbGF5LXNlY3JldC0wMDAxLWxvbmc=",
}
SIGNING = {
    "endpoint": "whsec_Y2FuYXJ5LWVuZHBvaW50LXNlY3JldC0wMDAxLWxvbmc=",
    "auth_token": "canary-twilio-auth-token",
}
"""Of endpoints: they stand in the store, where any process takes them to sign, alone."""

BASIC = b64encode(f"gateway:{CANARIES['basic_password']}".encode()).decode()
SECRET = CANARIES["webhook_secret"]


SHOWN = (
    "/v1/messages", "/v1/receipts", "/v1/requests", "/v1/unmatched", "/v1/unmapped", "/metrics",
    "/v1/alerts/rules", "/v1/alerts/firings", "/v1/alerts/channels", "/v1/diagnosis",
    "/healthz", "/readyz", "/openapi.json", "/", "/messages", "/requests", "/nowhere",
    "/v1/endpoints", "/v1/deliveries", "/endpoints", "/deliveries",
)  # fmt: skip
"""Whatever shows something of what is kept."""


def accounts(address: str) -> str:
    return f"""
[relay]
secret = "{CANARIES["relay"]}"
allow_http = true
allow_networks = ["127.0.0.0/8"]
[endpoints.shop]
url = "{address}/hook"
secret = "{SIGNING["endpoint"]}"
[endpoints.old]
url = "{address}/hook"
format = "twilio"
options = {{auth_token = "{SIGNING["auth_token"]}"}}
[alerts.channels.ops]
url = "json://127.0.0.1:1/{CANARIES["channel"]}"
[accounts.vonage]
provider = "vonage"
api_key = "abcd1234"
api_secret = "{CANARIES["api_secret"]}"
signature_secret = "{CANARIES["signature_secret"]}"
base_url = "{address}"
[accounts.ruach]
provider = "ruach"
client_id = "client-1"
api_key = "{CANARIES["api_key"]}"
webhook_secret = "{SECRET}"
base_url = "{address}"
[accounts.smspm]
provider = "smspm"
hash = "{CANARIES["hash"]}"
token = "{CANARIES["token"]}"
basic_auth = "gateway:{CANARIES["basic_password"]}"
base_url = "{address}"
"""


async def echo(request: web.Request) -> web.Response:
    """A gateway that refuses, and says what it was told."""
    told = await request.text()
    return web.json_response({"error": told, "ErrorCode": 7, "ErrorDescription": told}, status=400)


async def exercise(process: Process, heard: list[str]) -> None:
    """Right calls, wrong calls, and everything that shows what is kept of them."""
    receipt = {"messageId": "7", "mobile": "447700900123", "status": "DELIVRD"}

    def leaks(*names: str) -> dict[str, str]:
        """A receipt that repeats secrets of its account, as some gateways do."""
        return {**receipt, **{f"f{i}": CANARIES[name] for i, name in enumerate(names)}}

    ruach, smspm = leaks("api_key", "webhook_secret"), leaks("hash", "token")
    vonage = leaks("api_secret", "signature_secret")
    not_told = ("relay", "channel", "basic_password")
    all_of_them = leaks(*(name for name in CANARIES if name not in not_told))
    basic = {"authorization": f"Basic {BASIC}"}
    bearer = {"authorization": f"Bearer {ADMIN_KEY}", "cookie": f"session={ADMIN_KEY}"}

    async with aiohttp.ClientSession() as session:

        async def call(method: str, path: str, **more: Any) -> Any:
            async with session.request(method, f"{process.url}{path}", **more) as answer:
                heard.append(f"{dict(answer.headers)}\n{await answer.text()}")
                return answer.status

        for path in (f"/webhooks/ruach/{SECRET}", f"/webhooks/ruach//{SECRET}/"):
            assert await call("GET", path, params=ruach) == 200
            assert await call("POST", path, json=ruach, headers=bearer) == 200
            assert await call("POST", path, data=ruach) == 200
        assert await call("POST", "/webhooks/smspm", json=smspm, headers=basic) == 200
        for path in (f"/webhooks/raach/{SECRET}", "/webhooks/"):
            assert await call("POST", path, json=all_of_them, headers=basic) == 404
        for path in (f"/webhooks/ruach/x/{SECRET}", f"/webhooks/ruach/{SECRET}/a/b"):
            assert await call("POST", path, json=ruach, headers=basic) == 404
        assert await call("POST", "/webhooks/vonage", json=vonage, headers=bearer) == 401
        assert await call("POST", "/webhooks/smspm", data=smspm, headers=bearer) == 401
        assert await call("PUT", f"/webhooks/ruach/{SECRET}", data=b"x") == 405
        for via in ("vonage", "ruach", "smspm"):
            order = {"to": "+447700900123", "from": "Acme", "text": "Hello", "via": [via]}
            assert await call("POST", "/v1/messages", json=order, headers=HEADERS) == 202
            wrong = {**order, "text": "", "via": [CANARIES["token"]]}
            assert await call("POST", "/v1/messages", json=wrong) == 401

        tried = "/v1/alerts/channels/ops/test"
        assert await call("POST", tried, headers=HEADERS) == 200

        await until(lambda: all_stored(session, process), 20, pause=0.1)
        for path in (*SHOWN, *await relayed(session, process)):
            await call("GET", path, headers=HEADERS)
        requests = await items(session, process, "requests")
        assert requests
        for request in requests:
            assert await call("GET", f"/v1/requests/{request['id']}", headers=HEADERS) == 200


async def items(session: aiohttp.ClientSession, process: Process, path: str) -> list[Any]:
    async with session.get(f"{process.url}/v1/{path}", headers=HEADERS) as answer:
        return list((await answer.json())["items"])


async def all_stored(session: aiohttp.ClientSession, process: Process) -> bool:
    """Whether what follows in the background is there: refused sends, and refused calls."""
    rejected = await items(session, process, "messages?status=rejected")
    refused = await items(session, process, "requests?verdict=refused&account=smspm")
    return len(rejected) == 3 and len(refused) == 1


async def relayed(session: aiohttp.ClientSession, process: Process) -> list[str]:
    """Where each endpoint and each delivery is shown."""
    paths = []
    for kind in ("endpoints", "deliveries"):
        found = [item["id"] for item in await items(session, process, kind)]
        assert found
        paths += [f"{place}/{kind}/{one}" for one in found for place in ("/v1", "")]
    return paths


async def dumped(database_url: str) -> bytes:
    """All that stands in a PostgreSQL database, as text."""
    connection = await asyncpg.connect(database_url)
    try:
        names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname='public'")
        rows = [
            row for (name,) in names for row in await connection.fetch(f'SELECT * FROM "{name}"')
        ]
        return b"".join(
            value if isinstance(value, bytes) else str(value).encode()
            for row in rows
            for value in row.values()
        )
    finally:
        await connection.close()


def files(folder: Path) -> bytes:
    """A SQLite database with its log, byte by byte."""
    return b"".join(p.read_bytes() for p in folder.glob("delivrd.db*") if p.is_file())


def test_no_secret_shows_in_the_store_the_logs_or_an_answer(
    database_url: str, tmp_path: Path
) -> None:
    """D30, D34."""

    async def story() -> None:
        made = web.Application()
        made.router.add_post("/{path:.*}", echo)
        runner = web.AppRunner(made)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        process = Process(tmp_path, database_url, accounts(address))
        heard: list[str] = []
        async with process.running():
            await exercise(process, heard)
        await runner.cleanup()
        postgresql = database_url.startswith("postgresql")
        kept = await dumped(database_url) if postgresql else files(tmp_path)
        assert b"DELIVRD" in kept
        logs = (tmp_path / "hub.log").read_text()
        assert "serves" in logs
        for secret in (*CANARIES.values(), ADMIN_KEY, BASIC):
            assert secret.encode() not in kept, ("store", secret)
            assert secret not in logs, ("log", secret)
            assert not any(secret in answer for answer in heard), ("answer", secret)
        for secret in SIGNING.values():
            assert secret not in logs, ("log", secret)
            assert not any(secret in answer for answer in heard), ("answer", secret)

    run(story(), 60)
