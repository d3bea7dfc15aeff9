"""Who is believed: signatures, replays, Basic, networks, open accounts (rules B1 to B3, H2, H3)."""

import asyncio
from ipaddress import ip_network
from typing import Any

import pytest

from delivrd.core.addresses import is_loopback
from delivrd.intake.proof import Address, Proof
from delivrd.intake.reread import CannotReread, admit
from delivrd.intake.ring import PER_SOURCE, Refusal, Ring
from delivrd.intake.source import source_of, within
from delivrd.providers import provider
from delivrd.providers.base import Request, Unauthentic
from delivrd.store.accounts import Account
from tests.filled import opened, scalar
from tests.intake.calls import RECEIPT, calling, signed, signing_account
from tests.support import account, run, until

TOLD = {"messageId": "7", "mobile": "447700900123", "status": "DELIVRD"}
BASIC = "gateway:basic-password"


def ruach(**more: Any) -> dict[str, Any]:
    return {"ruach": account("ruach", receive_only=True, **more)}


# --- signatures ---------------------------------------------------------------------------------


def test_a_signed_receipt_is_believed_and_its_verdict_kept(database_url: str) -> None:
    async def test() -> None:
        async with calling(database_url, accounts={"vonage": signing_account()}) as hub:
            assert await hub.post("/webhooks/vonage", signed(RECEIPT)) == 200
            assert await hub.one("SELECT auth FROM request") == "sha256"
            await hub.folded()
            assert await hub.one("SELECT status FROM message") == "delivered"

    run(test())


def test_a_repeat_is_answered_as_the_first_and_kept_as_another_link(database_url: str) -> None:
    """B3, D13: a gateway that did not hear our answer sends the same again."""

    async def test() -> None:
        async with calling(database_url, accounts={"vonage": signing_account()}) as hub:
            told = signed(RECEIPT)
            for _ in range(3):
                assert await hub.post("/webhooks/vonage", told) == 200
            await hub.folded()
            assert await hub.rows("SELECT count FROM statement") == [(3,)]

    run(test())


def test_a_nonce_with_other_content_is_refused(database_url: str) -> None:
    """B3."""

    async def test() -> None:
        async with calling(database_url, accounts={"vonage": signing_account()}) as hub:
            forged = {**RECEIPT, "status": "failed", "err-code": "1"}
            assert await hub.post("/webhooks/vonage", signed(RECEIPT, nonce="n")) == 200
            assert await hub.post("/webhooks/vonage", signed(forged, nonce="n")) == 401
            await hub.folded()
            assert await hub.one("SELECT count(*) FROM request") == 1
            assert await hub.one("SELECT status FROM message") == "delivered"

    run(test())


def test_a_refusal_does_not_say_what_was_wrong(sqlite_url: str) -> None:
    """What it was stands in the list of calls, for those who may read it."""

    async def test() -> None:
        async with calling(sqlite_url, accounts={"vonage": signing_account()}) as hub:
            wrong = {**signed(RECEIPT), "sig": "0" * 64}
            told = {
                await hub.call("POST", "/webhooks/vonage", json=content)
                for content in (wrong, RECEIPT)
            }
            assert told == {(401, "unauthorized\n")}

            async def both() -> bool:
                return len(await hub.rows("SELECT DISTINCT why FROM ring")) == 2

            await until(both)

    run(test())


@pytest.mark.parametrize("secret", [None, "a-secret-in-the-path"])
def test_a_nonce_with_another_query_is_refused(sqlite_url: str, secret: str | None) -> None:
    """B3: what came by GET has no body that could differ; other proofs make up for no nonce."""

    async def test() -> None:
        made = signing_account(webhook_secret=secret or ())
        async with calling(sqlite_url, accounts={"vonage": made}) as hub:
            path = f"/webhooks/vonage/{secret}" if secret else "/webhooks/vonage"
            forged = {**RECEIPT, "status": "failed", "err-code": "1"}
            asked = [
                await hub.status("GET", path, params=signed(told, nonce="n"))
                for told in (RECEIPT, forged)
            ]
            assert asked == [200, 401]

    run(test())


@pytest.mark.parametrize("window", [None, 100, 86_400])
def test_a_nonce_is_kept_as_long_as_its_signature_counts(
    sqlite_url: str, window: int | None
) -> None:
    """B3: once it is forgotten, the call must be too old to be taken again."""

    async def test() -> None:
        made = signing_account(replay_window=window)
        async with calling(sqlite_url, accounts={"vonage": made}) as hub:
            assert await hub.post("/webhooks/vonage", signed(RECEIPT)) == 200
            await hub.folded()
            received_at = await hub.one("SELECT received_at FROM request")
            kept = await hub.one("SELECT expires_at FROM nonce") - received_at
            ahead = 300
            assert kept / 1e6 >= ahead + (72 * 3600 if window is None else window)

    run(test())


def test_a_signed_call_is_not_taken_again_for_another_message(sqlite_url: str) -> None:
    """B3: the reference stands in the path, which Vonage's signature does not cover."""

    async def test() -> None:
        async with calling(sqlite_url, accounts={"vonage": signing_account()}) as hub:
            call = signed(RECEIPT, nonce="n")
            asked = [await hub.post(f"/webhooks/vonage/{name}", call) for name in ("A", "A", "B")]
            assert asked == [200, 200, 401]

    run(test())


def test_of_two_contents_for_one_nonce_at_once_exactly_one_is_taken(database_url: str) -> None:
    async def test() -> None:
        async with calling(database_url, accounts={"vonage": signing_account()}) as hub:
            calls = [
                hub.post("/webhooks/vonage", signed({**RECEIPT, "messageId": f"M{i}"}, nonce="n"))
                for i in range(8)
            ]
            answers = await asyncio.gather(*calls)
            assert sorted(answers) == [200] + [401] * 7
            assert await hub.one("SELECT count(*) FROM request") == 1

    run(test())


def test_nonces_stand_in_the_index_once_their_receipts_are_folded(database_url: str) -> None:
    async def test() -> None:
        async with calling(database_url, accounts={"vonage": signing_account()}) as hub:
            calls = [
                hub.post(
                    "/webhooks/vonage", signed({**RECEIPT, "messageId": f"M{i}"}, nonce=f"{i}")
                )
                for i in range(20)
            ]
            assert set(await asyncio.gather(*calls)) == {200}
            await hub.folded()
            assert await hub.one("SELECT count(*) FROM nonce_log") == 0
            assert await hub.one("SELECT count(*) FROM nonce") == 20
            assert await hub.post("/webhooks/vonage", signed(RECEIPT, nonce="7")) == 401

    run(test())


@pytest.mark.parametrize(
    ("off", "window", "status"),
    [
        (-71 * 3600, None, 200),
        (-73 * 3600, None, 401),
        (200, None, 200),
        (400, None, 401),
        (-200, 100, 401),
        (-50, 100, 200),
    ],
)
def test_a_signature_counts_within_the_window_for_replays(
    sqlite_url: str, off: int, window: int | None, status: int
) -> None:
    """B3: 72 hours behind for Vonage's retries, 5 minutes ahead, or as the account says."""

    async def test() -> None:
        accounts = {"vonage": signing_account(replay_window=window)}
        async with calling(sqlite_url, accounts=accounts) as hub:
            assert await hub.post("/webhooks/vonage", signed(RECEIPT, at=off)) == status

    run(test())


@pytest.mark.parametrize("wrong", ["unsigned", "other secret", "changed"])
def test_what_is_not_authentic_touches_no_message_and_stays_whole_in_the_ring(
    database_url: str, wrong: str
) -> None:
    """B2."""

    async def test() -> None:
        told = dict(RECEIPT) if wrong == "unsigned" else signed(RECEIPT)
        if wrong == "other secret":
            told["sig"] = "0" * 64
        if wrong == "changed":
            told["status"] = "failed"
        async with calling(database_url, accounts={"vonage": signing_account()}) as hub:
            assert await hub.post("/webhooks/vonage", told) == 401
            ((_, status, _, admissible),) = await hub.refused()
            assert (status, bool(admissible)) == (401, True)
            assert RECEIPT["messageId"].encode() in bytes(await hub.one("SELECT body FROM ring"))
            assert await hub.one("SELECT count(*) FROM message") == 0

    run(test())


def test_a_call_that_was_refused_only_for_its_proof_can_be_admitted(database_url: str) -> None:
    """B2: after a fix of the settings; its time is when it came, and it is written down."""

    async def test() -> None:
        async with calling(database_url, accounts={"vonage": signing_account()}) as hub:
            assert await hub.post("/webhooks/vonage", RECEIPT) == 401
            await hub.hub.ring.flush()
            ring_id, came = (await hub.rows("SELECT id, received_at FROM ring"))[0]
            request = await admit(hub.hub.store, ring_id, "ops")
            await hub.folded()
            assert await hub.one("SELECT status FROM message") == "delivered"
            assert await hub.rows("SELECT id, received_at, auth FROM request") == [
                (request, came, "admitted by ops")
            ]
            assert await hub.one("SELECT count(*) FROM ring") == 0
            assert await hub.rows("SELECT actor, action FROM audit") == [("ops", "admit")]
            with pytest.raises(LookupError):
                await admit(hub.hub.store, ring_id, "ops")

    run(test())


def test_a_call_is_admitted_once_even_by_two_at_the_same_time(database_url: str) -> None:
    async def test() -> None:
        async with calling(database_url, accounts={"vonage": signing_account()}) as hub:
            assert await hub.post("/webhooks/vonage", RECEIPT) == 401
            await hub.hub.ring.flush()
            ring_id = await hub.one("SELECT id FROM ring")
            both = (admit(hub.hub.store, ring_id, actor) for actor in ("ops", "night"))
            done = await asyncio.gather(*both, return_exceptions=True)
            assert sorted(type(each).__name__ for each in done) == ["LookupError", "int"]
            assert await hub.one("SELECT count(*) FROM request") == 1

    run(test())


def test_a_call_that_was_refused_for_anything_else_cannot_be_admitted(database_url: str) -> None:
    async def test() -> None:
        async with calling(database_url) as hub:
            assert await hub.status("PUT", "/webhooks/vonage", data=b"x") == 405
            await hub.hub.ring.flush()
            with pytest.raises(CannotReread):
                await admit(hub.hub.store, await hub.one("SELECT id FROM ring"), "ops")

    run(test())


def test_a_call_of_an_account_that_is_gone_is_not_admitted_and_told_why(
    database_url: str,
) -> None:
    async def test() -> None:
        async with calling(database_url, accounts={"vonage": signing_account()}) as hub:
            assert await hub.post("/webhooks/vonage", RECEIPT) == 401
            await hub.hub.ring.flush()
        async with calling(database_url, accounts={"ruach": account("ruach")}) as hub:
            with pytest.raises(CannotReread, match="no longer in the settings"):
                await admit(hub.hub.store, await hub.one("SELECT id FROM ring"), "ops")
            assert await hub.one("SELECT count(*) FROM ring") == 1

    run(test())


# --- Basic and networks -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (("gateway", "basic-password"), 200),
        (("gateway", "basic-passwore"), 401),
        (("", ""), 401),
        (None, 401),
    ],
)
def test_basic_is_asked_for_and_never_kept(
    database_url: str, given: tuple[str, str] | None, status: int
) -> None:
    from base64 import b64encode

    async def test() -> None:
        async with calling(database_url, accounts=ruach(basic_auth=BASIC)) as hub:
            headers = {}
            if given is not None:
                pair = b64encode(":".join(given).encode()).decode()
                headers["authorization"] = f"Basic {pair}"
            sent = await hub.status("GET", "/webhooks/ruach", params=TOLD, headers=headers)
            assert sent == status
            await hub.hub.ring.flush()
            for row in await hub.rows("SELECT headers FROM request UNION SELECT headers FROM ring"):
                if given is not None:
                    assert pair.encode() not in bytes(row[0])
                    assert b"{secret:basic_auth}" in bytes(row[0])

    run(test())


def test_a_client_that_waits_to_be_asked_for_its_password_is_asked(sqlite_url: str) -> None:
    async def test() -> None:
        async with calling(sqlite_url, accounts=ruach(basic_auth=BASIC)) as hub:
            call = b"GET /webhooks/%s?messageId=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
            asked = b'www-authenticate: Basic realm="webhooks"'
            assert asked in await hub.raw(call % b"ruach")
            assert asked not in await hub.raw(call % b"nobody")

    run(test())


PROXY = ["127.0.0.0/8"]


@pytest.mark.parametrize(
    ("forwarded", "proxies", "status"),
    [
        ("192.0.2.7", PROXY, 200),
        ("203.0.113.1, 192.0.2.7", PROXY, 200),
        ("192.0.2.7, 127.0.0.2", PROXY, 200),
        ("192.0.2.7, 203.0.113.1", PROXY, 401),
        ("192.0.2.7:4711", PROXY, 200),
        ("2001:db8::7", PROXY, 200),
        ("[2001:db8::7]:4711", PROXY, 200),
        ("2001:db9::7", PROXY, 401),
        ("192.0.2.7", [], 401),
        ("garbage", PROXY, 401),
        ("192.0.2.7,", PROXY, 401),
        ("", PROXY, 401),
    ],
)
def test_the_source_is_the_right_most_hop_that_is_no_proxy_of_ours(
    sqlite_url: str, forwarded: str, proxies: list[str], status: int
) -> None:
    """D32, H3: a header counts only as far as our own proxies wrote it."""

    async def test() -> None:
        accounts = ruach(allow_from=["192.0.2.0/24", "2001:db8::/32"])
        async with calling(sqlite_url, accounts=accounts, trusted_proxies=proxies) as hub:
            headers = {"x-forwarded-for": forwarded} if forwarded else {}
            sent = await hub.status("GET", "/webhooks/ruach", params=TOLD, headers=headers)
            assert sent == status

    run(test())


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["192.0.2.7", "203.0.113.1"], 401),
        (["203.0.113.1", "192.0.2.7"], 200),
        (["203.0.113.1, 192.0.2.7", "127.0.0.2"], 200),
    ],
)
def test_a_header_that_a_proxy_adds_as_a_line_of_its_own_is_the_last_word(
    sqlite_url: str, lines: list[str], status: int
) -> None:
    """D32: HAProxy adds its line behind the one that the caller wrote."""

    async def test() -> None:
        accounts = ruach(allow_from=["192.0.2.0/24"])
        async with calling(sqlite_url, accounts=accounts, trusted_proxies=PROXY) as hub:
            headers = [("x-forwarded-for", line) for line in lines]
            for _ in range(2):  # the second takes the lane
                sent = await hub.status("GET", "/webhooks/ruach", params=TOLD, headers=headers)
                assert sent == status

    run(test())


def test_a_trailer_is_no_header(sqlite_url: str) -> None:
    """H3: some proxies pass trailers on, behind the headers that they wrote themselves."""
    call = (
        b"POST /webhooks/ruach HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: 203.0.113.1\r\n"
        b"transfer-encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\nx-forwarded-for: 192.0.2.7\r\n\r\n"
    )

    async def test() -> None:
        accounts = ruach(allow_from=["192.0.2.0/24"])
        async with calling(sqlite_url, accounts=accounts, trusted_proxies=PROXY) as hub:
            assert b" 401 " in await hub.raw(call)

    run(test())


def test_a_source_that_is_no_address_is_kept_short(sqlite_url: str) -> None:
    async def test() -> None:
        accounts = ruach(allow_from=["192.0.2.0/24"])
        async with calling(sqlite_url, accounts=accounts, trusted_proxies=PROXY) as hub:
            headers = {"x-forwarded-for": "x" * 5000}
            sent = await hub.status("GET", "/webhooks/ruach", params=TOLD, headers=headers)
            assert sent == 401
            await hub.hub.ring.flush()
            assert len(await hub.one("SELECT source FROM ring")) <= 64

    run(test())


def test_all_proofs_that_are_configured_must_hold(sqlite_url: str) -> None:
    async def test() -> None:
        both = {"vonage": signing_account(basic_auth=BASIC)}
        async with calling(sqlite_url, accounts=both) as hub:
            assert await hub.post("/webhooks/vonage", signed(RECEIPT)) == 401
            headers = {"authorization": "Basic Z2F0ZXdheTpiYXNpYy1wYXNzd29yZA=="}
            assert await hub.post("/webhooks/vonage", RECEIPT, headers=headers) == 401
            assert await hub.post("/webhooks/vonage", signed(RECEIPT), headers=headers) == 200
            assert await hub.one("SELECT auth FROM request") == "basic+sha256"

    run(test())


def test_a_secret_in_the_path_opens_no_address_that_is_not_listed(sqlite_url: str) -> None:
    async def test() -> None:
        secret = "path-secret-of-some-length"
        accounts = ruach(allow_from=["192.0.2.0/24"], webhook_secret=secret)
        async with calling(sqlite_url, accounts=accounts) as hub:
            assert await hub.status("GET", f"/webhooks/ruach/{secret}", params=TOLD) == 401

    run(test())


def test_an_address_that_a_socket_for_both_versions_shows_as_v6_counts_as_v4() -> None:
    """H3: else the listed gateway would be refused, and a proxy of ours not believed."""
    networks = [ip_network("192.0.2.0/24")]
    assert within("::ffff:192.0.2.7", networks)
    assert not within("::ffff:203.0.113.1", networks)
    assert is_loopback("::ffff:127.0.0.1")
    assert source_of("::ffff:192.0.2.7", "203.0.113.1", networks) == "203.0.113.1"


# --- accounts that ask for no proof -------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:8025"}, 200),
        ({"host": "[::1]:8025"}, 200),
        ({"host": "LOCALHOST"}, 200),
        ({"host": "hub.example.org@localhost"}, 401),
        ({"host": "localhost:hub.example.org"}, 401),
        ({"host": "[::1]hub.example.org"}, 401),
        ({"host": "[::1"}, 401),
        ({"host": "hub.example.org"}, 401),
        ({"host": "localhost.example.org"}, 401),
        ({"host": "not-localhost"}, 401),
        ({"host": "127.0.0.1.nip.io"}, 401),
        ({"x-forwarded-for": "192.0.2.7"}, 401),
        ({"forwarded": "for=192.0.2.7"}, 401),
        ({"x-real-ip": "127.0.0.1"}, 401),
        ({"x-forwarded-host": "localhost"}, 401),
        ({"x-forwarded-proto": "https"}, 401),
        ({"via": "1.1 proxy"}, 401),
        ({"cf-connecting-ip": "192.0.2.7"}, 401),
        ({"true-client-ip": "192.0.2.7"}, 401),
        ({"x-forwarded-prefix": "/sms"}, 401),
    ],
)
def test_an_account_without_proof_is_served_on_loopback_alone(
    sqlite_url: str, headers: dict[str, str], status: int
) -> None:
    """H2: also behind a tunnel or a proxy that somebody set up and forgot."""

    async def test() -> None:
        async with calling(sqlite_url, accounts=ruach()) as hub:
            sent = await hub.status("GET", "/webhooks/ruach", params=TOLD, headers=headers)
            assert sent == status

    run(test())


def test_an_account_without_proof_knows_a_proxy_by_any_header_of_its_own(sqlite_url: str) -> None:
    """H2."""
    names = [
        "CDN-Loop",
        "Fly-Client-IP",
        "X-Azure-ClientIP",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "X-Envoy-External-Address",
        "X-Forwarded",
        "X-Forwarded-Port",
        "X-Forwarded-Scheme",
        "X-Forwarded-Server",
        "X-Forwarded-SSL",
        "X-Original-Forwarded-For",
        "X-Original-Host",
    ]

    async def test() -> None:
        async with calling(sqlite_url, accounts=ruach()) as hub:
            for name in names:
                headers = {name: "127.0.0.1"}
                sent = await hub.status("GET", "/webhooks/ruach", params=TOLD, headers=headers)
                assert sent == 401, name

    run(test())


def test_an_account_without_proof_believes_no_other_machine_whatever_host_it_names() -> None:
    """H2."""
    main = Account(1, "ruach", 1, provider("ruach"), account("ruach", receive_only=True))
    call = Request(method="GET", headers=(("host", "localhost"),))
    proof = Proof(main, local=True)
    assert proof.check(call, Address(), "127.0.0.1").scheme == "none"
    with pytest.raises(Unauthentic, match="loopback only"):
        proof.check(call, Address(), "192.0.2.7")


def test_a_call_that_names_no_host_is_refused_without_a_proof(sqlite_url: str) -> None:
    """H2: an old proxy may send none."""

    async def test() -> None:
        async with calling(sqlite_url, accounts=ruach()) as hub:
            call = "GET /webhooks/ruach?messageId=7&status=DELIVRD HTTP/1.0\r\n{}\r\n"
            assert b" 401 " in await hub.raw(call.format("").encode())
            assert b" 200 " in await hub.raw(call.format("Host: localhost\r\n").encode())

    run(test())


def test_a_second_host_is_no_way_around_the_first(sqlite_url: str) -> None:
    """H2."""
    call = "GET /webhooks/ruach?messageId=7 HTTP/1.1\r\nHost: {}\r\nHost: {}\r\n\r\n"

    async def test() -> None:
        async with calling(sqlite_url, accounts=ruach()) as hub:
            for hosts in (("localhost", "hub.example.org"), ("hub.example.org", "localhost")):
                assert b" 401 " in await hub.raw(call.format(*hosts).encode())

    run(test())


@pytest.mark.parametrize(("open_", "status"), [(False, 401), (True, 200)])
def test_with_a_public_address_only_open_accounts_need_no_proof(
    sqlite_url: str, open_: bool, status: int
) -> None:
    async def test() -> None:
        public = {"public_url": "https://hub.example.org", "accounts": ruach(open=open_)}
        async with calling(sqlite_url, **public) as hub:
            assert await hub.status("GET", "/webhooks/ruach", params=TOLD) == status
            if open_:
                assert await hub.one("SELECT auth FROM request") == "none"

    run(test())


def test_an_open_account_takes_only_so_many_calls_a_second(sqlite_url: str) -> None:
    async def test() -> None:
        async with calling(sqlite_url, accounts=ruach(open=True)) as hub:
            calls = [hub.status("GET", "/webhooks/ruach", params=TOLD) for _ in range(200)]
            answers = await asyncio.gather(*calls)
            assert set(answers) == {200, 429}
            assert 100 <= answers.count(200) < 200

    run(test())


def test_an_open_account_takes_any_number_of_calls_that_are_proven(sqlite_url: str) -> None:
    """Ruach's come once: one that is refused is lost."""

    async def test() -> None:
        secret = "a-secret-in-the-path"
        accounts = ruach(open=True, webhook_secret=secret)
        async with calling(sqlite_url, accounts=accounts) as hub:
            path = f"/webhooks/ruach/{secret}"
            calls = [hub.status("GET", path, params=TOLD) for _ in range(250)]
            assert set(await asyncio.gather(*calls)) == {200}

    run(test())


def test_a_forwarded_call_is_refused_before_its_content_matters(sqlite_url: str) -> None:
    """D32: neither Host nor a header makes a caller local."""

    async def test() -> None:
        async with calling(sqlite_url, accounts=ruach(), trusted_proxies=PROXY) as hub:
            headers = {"x-forwarded-for": "127.0.0.1"}
            assert await hub.status("GET", "/webhooks/ruach", params=TOLD, headers=headers) == 401

    run(test())


def test_a_flood_of_refused_calls_is_bounded_and_counted(sqlite_url: str) -> None:
    """B2."""

    async def test() -> None:
        async with calling(sqlite_url, accounts={"vonage": signing_account()}) as hub:
            for _ in range(50):
                assert await hub.post("/webhooks/vonage", RECEIPT) == 401
            kept = len(await hub.refused())
            assert 20 <= kept < 50
            assert hub.hub.ring.dropped == 50 - kept

    run(test())


def test_a_flood_from_one_source_costs_no_other_call_its_place(sqlite_url: str) -> None:
    """B2: what is kept is bounded by account and source."""

    async def test() -> None:
        async with opened(sqlite_url) as store:
            ring = Ring(store, rows=1000, size=1 << 20)
            flood = [("a", "192.0.2.1")] * (PER_SOURCE + 5)
            for name, source in [*flood, ("b", "192.0.2.1"), ("a", "192.0.2.2")]:
                ring.note(Refusal(name, source, "GET", "/", b"", b"", b"", 401, "no"))
            await ring.flush()
            kept = "SELECT count(*) FROM ring WHERE account = $1 AND source = $2"
            assert await scalar(store, kept, "a", "192.0.2.1") == PER_SOURCE
            assert await scalar(store, kept, "b", "192.0.2.1") == 1
            assert await scalar(store, kept, "a", "192.0.2.2") == 1
            assert ring.dropped == 5

    run(test())


def test_the_oldest_refused_calls_give_way_at_once(sqlite_url: str) -> None:
    """B2: a flood from many sources has filled a disk before the next sweep comes."""

    async def test() -> None:
        async with opened(sqlite_url) as store:
            ring = Ring(store, rows=3, size=1 << 20)
            for n in range(5):
                ring.note(Refusal("a", f"192.0.2.{n}", "GET", "/", b"", b"", b"", 401, "no"))
            await ring.flush()
            assert await scalar(store, "SELECT count(*) FROM ring") == 3
            assert await scalar(store, "SELECT min(source) FROM ring") == "192.0.2.2"

    run(test())


@pytest.mark.parametrize(("admissible", "size"), [(True, 100_000), (False, 2048)])
def test_a_call_that_may_be_admitted_is_kept_whole_and_others_in_part(
    sqlite_url: str, admissible: bool, size: int
) -> None:
    """B2."""
    large = b"x" * 100_000

    async def test() -> None:
        async with opened(sqlite_url) as store:
            ring = Ring(store, rows=3, size=1 << 20)
            ring.note(Refusal("a", "", "POST", "/", large, b"", large, 401, "no", admissible))
            await ring.flush()
            assert await scalar(store, "SELECT length(body) FROM ring") == size
            assert await scalar(store, "SELECT length(query) FROM ring") == size

    run(test())
