"""Secrets in stored requests: none as a whole value, however it is escaped (rules B1, H1)."""

import json
import re
from base64 import b64encode
from urllib.parse import quote

import pytest

from delivrd.intake.redact import Redactor
from delivrd.providers import provider
from delivrd.store.accounts import Account
from tests.intake.calls import calling, signing_account
from tests.support import SECRETS, account, run

SECRET = "canary/of+some&length=é"
PLAIN = "canary-of-some-length"
PASSWORD = "canary-basic-password"
PAIR = b64encode(f"gateway:{PASSWORD}".encode()).decode()


def redactor(**settings: object) -> Redactor:
    made = Account(1, "ruach", 1, provider("ruach"), account("ruach", **settings))
    return Redactor([made], "full")


def redacted(raw: str, secret: str = SECRET) -> str:
    made = redactor(api_key=secret, basic_auth=f"gateway:{PASSWORD}")
    return made.value(raw.encode()).decode()


def numbered(text: str, digits: str) -> str:
    return "".join(f"\\u{ord(c):{digits}}" for c in text)


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET, safe=""),
        re.sub("%..", lambda found: found[0].lower(), quote(SECRET, safe="")),
        "".join(f"%{byte:02x}" for byte in SECRET.encode()),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        numbered(SECRET, "04x"),
        numbered(SECRET, "04X"),
        SECRET.replace("+", "\\u002B").replace("&", "\\u0026").replace("é", "\\u00E9"),
        SECRET.replace("&", "&amp;"),
    ],
    ids=["plain", "url", "url in lower case", "every byte", "json", "php", "numbered",
         "numbered in upper case", ".net", "xml"],
)  # fmt: skip
def test_a_secret_is_replaced_in_every_usual_escape(written: str) -> None:
    assert redacted(f'{{"key": "{written}"}}') == '{"key": "{secret:api_key}"}'


@pytest.mark.parametrize(
    "around",
    [
        "a=1&key=@&b=2",
        '{"keys": ["@", 1]}',
        "{'key': '@'}",
        "<receipt><key>@</key></receipt>",
        "--b\r\ncontent-disposition: form-data; name=key\r\n\r\n@\r\n--b--",
        "x-api-key: @",
        "https://hub.example.org/webhooks/ruach/@/0199",
        "https://hub.example.org/webhooks/ruach/@?to=1",
        r'{"url": "https:\/\/hub.example.org\/webhooks\/ruach\/@\/0199"}',
        "url=https%3A%2F%2Fhub.example.org%2Fwebhooks%2Fruach%2F@%2F0199",
    ],
)
def test_a_secret_is_replaced_wherever_it_is_a_whole_value(around: str) -> None:
    assert redacted(around.replace("@", PLAIN), PLAIN) == around.replace("@", "{secret:api_key}")


@pytest.mark.parametrize("text", [f"a{PLAIN}", f"{PLAIN}a", f"a={PLAIN}-b", "a=%41%42&b=\\u0041"])
def test_what_holds_no_secret_as_a_whole_value_is_kept_as_it_came(text: str) -> None:
    assert redacted(text, PLAIN) == text


@pytest.mark.parametrize("given", [PASSWORD, PAIR])
def test_the_password_of_basic_is_replaced_where_it_stands_alone(given: str) -> None:
    assert redacted(f"x-password: {given}") == "x-password: {secret:basic_auth}"


@pytest.mark.parametrize("name", ["authorization", "proxy-authorization", "cookie"])
@pytest.mark.parametrize(
    "value", ["Basic Z3Vlc3M6Z3Vlc3M=", "Bearer guess", "guess", "Digest a=1, response=guess"]
)
def test_the_headers_of_authentication_are_never_kept(name: str, value: str) -> None:
    kept = redactor().headers(f"{name}: {value}\nhost: localhost".encode())
    assert value.split()[-1].encode() not in kept
    assert kept.endswith(b"\nhost: localhost")


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (f"/webhooks/ruach/{PLAIN}", "/webhooks/ruach/{secret:api_key}"),
        (f"/webhooks/{PLAIN}", "/webhooks/{secret:api_key}"),
        (f"/webhooks/{PLAIN}/ruach", "/webhooks/{secret:api_key}/{wrong}"),
        ("/webhooks/ruach/0199", "/webhooks/ruach/0199"),
    ],
)
def test_a_path_is_kept_without_a_secret_that_is_one_of_its_segments(
    sqlite_url: str, path: str, kept: str
) -> None:
    async def test() -> None:
        accounts = {"ruach": account("ruach", api_key=PLAIN)}
        async with calling(sqlite_url, accounts=accounts) as hub:
            await hub.status("GET", f"{path}?messageId=7&status=DELIVRD")
            await hub.hub.ring.flush()
            assert await hub.rows("SELECT path FROM request UNION SELECT path FROM ring") == [
                (kept,)
            ]

    run(test())


@pytest.mark.parametrize("status", ["DELIVRD", "NONSENSE"])
def test_no_part_of_a_stored_call_holds_a_secret(sqlite_url: str, status: str) -> None:
    async def test() -> None:
        accounts = {"ruach": account("ruach", api_key=PLAIN)}
        told = {"messageId": "7", "status": status, "key": PLAIN}
        async with calling(sqlite_url, accounts=accounts) as hub:
            answer = await hub.status(
                "POST", f"/webhooks/ruach?key={PLAIN}", json=told, headers={"x-key": PLAIN}
            )
            assert answer == 200
            ((query, headers, body),) = await hub.rows("SELECT query, headers, body FROM request")
            for part in (query, headers, body):
                assert PLAIN.encode() not in bytes(part)
                assert b"{secret:api_key}" in bytes(part)
            await hub.status("POST", f"/webhooks/nobody?key={PLAIN}", json=told)
            await hub.hub.ring.flush()
            ((query, body),) = await hub.rows("SELECT query, body FROM ring")
            for part in (query, body):
                assert PLAIN.encode() not in bytes(part)

    run(test())


def test_what_is_read_from_a_call_holds_no_secret_and_no_text(sqlite_url: str) -> None:
    """Also what could not be read, which is shown as it came."""

    async def test() -> None:
        told = [{"to": 1, "key": PLAIN, "text": "PIN 4711"}, {"messageId": PLAIN, "status": PLAIN}]
        of = provider("messagebird")
        accounts = {"messagebird": of.Settings(receive_only=True, access_key=PLAIN)}
        async with calling(sqlite_url, accounts=accounts, privacy={"text": "none"}) as hub:
            assert await hub.post("/webhooks/messagebird", told) == 200
            ((faults,),) = await hub.rows("SELECT group_concat(raw) FROM fault")
            assert "{secret:access_key}" in faults
            assert PLAIN not in faults
            assert "4711" not in faults

    run(test())


def test_no_part_of_a_call_that_was_refused_holds_a_secret(sqlite_url: str) -> None:
    """One refused only for its signature is kept whole."""

    async def test() -> None:
        async with calling(sqlite_url, accounts={"vonage": signing_account()}) as hub:
            secret = SECRETS["vonage"]["api_secret"]
            path = f"/webhooks/vonage?key={secret}"
            assert await hub.post(path, {"key": secret}, headers={"x-key": secret}) == 401
            await hub.hub.ring.flush()
            ((query, headers, body),) = await hub.rows("SELECT query, headers, body FROM ring")
            for part in (query, headers, body):
                assert secret.encode() not in bytes(part)
                assert b"{secret:api_secret}" in bytes(part)

    run(test())


def test_of_two_secrets_the_longer_is_replaced_whole() -> None:
    made = redactor(api_key=PLAIN, webhook_secret=f"{PLAIN}/and-more")
    assert made.value(f"a={PLAIN}/and-more&b={PLAIN}".encode()) == (
        b"a={secret:webhook_secret}&b={secret:api_key}"
    )


@pytest.mark.parametrize(
    ("name", "body", "kept"),
    [
        (  # the Platform's callbacks name an integration's key, which is in no setting of ours
            "clickatell",
            b'{"apiKey":"canary-of-an-integration","messageId":"8a1b","statusCode":4}',
            b'{"apiKey":"{secret:apiKey}","messageId":"8a1b","statusCode":4}',
        ),
        (  # so do the receipts of Verify the code that was sent
            "telnyx",
            b'{"payload":{"custom_code": "25565", "id": "v-1"}}',
            b'{"payload":{"custom_code": "{secret:custom_code}", "id": "v-1"}}',
        ),
    ],
)
def test_a_field_that_a_gateway_fills_with_a_secret_is_replaced_by_its_name(
    name: str, body: bytes, kept: bytes
) -> None:
    of = provider(name)
    made = Account(1, name, 1, of, of.Settings(receive_only=True))
    assert Redactor([made], "full").value(body) == kept
