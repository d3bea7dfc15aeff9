"""Notices as their reader gets them: what, where, since when, how bad, why, and where to look."""

from collections.abc import Callable
from typing import Any

import pytest

from delivrd.alert_settings import Rule
from delivrd.core.units import SECOND
from delivrd.insight.alerts.causes import find_causes
from delivrd.insight.alerts.data import Data
from delivrd.insight.alerts.missing_receipts import why_no_receipts
from delivrd.insight.alerts.read import known, marks
from delivrd.insight.alerts.state import Update
from delivrd.insight.alerts.watch import Baseline
from delivrd.insight.alerts.words import Causes, NoticeText, notice_text, reasons_in_words
from delivrd.store import schema
from delivrd.store.base import Store
from delivrd.store.ids import floor, now_micros
from delivrd.store.queries.diagnosis import Calls, Strays
from delivrd.store.tx import Tx
from tests.filled import execute, receipt, receive
from tests.insight.alert_support import MINUTE, NOON
from tests.store.query_support import opened
from tests.support import run

BASE = "https://hub.example.org"
MAIN = (("account", "main"),)
GB = (*MAIN, ("country", "GB"))


def told(kind: str, place: Any = GB, what: str = "fired", **facts: Any) -> NoticeText:
    """The news of something that began ten minutes before noon."""
    since = NOON - 10 * MINUTE
    update = Update(what=what, at=NOON, firing=1, place=place, since=since, facts=facts)
    return notice_text(update, "mine", Rule.model_validate({"kind": kind}), Causes(), BASE, "fir_1")


def line(body: str, begin: str) -> str:
    """The line that begins so."""
    (found,) = [one for one in body.splitlines() if one.startswith(begin)]
    return found.removeprefix(begin)


@pytest.mark.parametrize(
    ("kind", "place", "label", "page"),
    [
        ("change", GB, "Messages", "/messages?account=main&country=GB&status=failed&since="),
        ("overdue", GB, "Messages", "/messages?account=main&country=GB&status=pending&since="),
        ("unmapped", MAIN, "Messages", "/messages?account=main&since="),
        ("no_messages", MAIN, "The last messages", "/messages?account=main&until="),
        ("rejected_signatures", MAIN, "Requests", "/requests?verdict=refused&account=main"),
        ("endpoint_failing", (("endpoint", "ep_1"),), "Endpoint", "/endpoints/ep_1"),
        ("backlog", (("queue", "relay"),), "Deliveries", "/deliveries?state=waiting"),
    ],
)
def test_a_notice_leads_to_what_is_behind_it_and_to_its_firing(
    kind: str, place: Any, label: str, page: str
) -> None:
    body = told(kind, place, n=10, k=5).body
    assert line(body, f"{label}: ").startswith(f"{BASE}{page}")
    assert line(body, "Firing: ") == f"{BASE}/alerts/firings/fir_1"


def test_the_messages_behind_it_are_the_same_whenever_the_link_is_opened() -> None:
    """A range like the last hour would show others in the morning."""
    link = line(told("change", n=10, k=5).body, "Messages: ")
    assert "range=" not in link
    assert link.endswith("since=2024-10-04T11%3A50%3A00Z")
    over = line(told("change", what="recovered", n=10, k=5).body, "Messages: ")
    assert over.endswith("&until=2024-10-04T12%3A00%3A00Z")


def test_what_was_silent_is_not_called_well_for_being_so() -> None:
    sends = told("no_messages", MAIN, what="recovered", n=12, usual=30).body
    assert sends.startswith("main: back to normal, 12 messages went out.\n")
    hears = told("no_receipts", MAIN, what="recovered", n=150, k=2).body
    assert hears.startswith(
        "main: back to normal, receipts come in: 2 of 150 messages are still open.\n"
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("change", "1 of 1 message."),
        ("failure_rate", "1 of 1 message that ended."),
        ("no_receipts", "1 of 1 message is still open."),
        ("rejected_signatures", "1 webhook call refused."),
    ],
)
def test_a_number_and_its_noun_agree(kind: str, words: str) -> None:
    assert told(kind, n=1, k=1, share=1.0).body.splitlines()[0].endswith(words)


def test_slow_deliveries_are_held_against_what_is_usual() -> None:
    title = told("latency", n=40, k=30, seconds=90.0, slow=24.0).title
    assert title.endswith("30 of 40 took longer than 30 s (usually nine in ten within 24 s)")


def test_a_single_failure_tells_where_and_when() -> None:
    facts = {"account": "main", "to": "+44••23", "status": "rejected", "reason": "other",
             "code": "9", "sender": "Acme", "message": "m-1"}  # fmt: skip
    found = told("failure", what="failure", **facts)
    assert found.title == "main → GB: message to +44••23 rejected"
    assert found.body.startswith("Rejected at 2024-10-04 11:50 UTC: other, code 9, from Acme.\n")
    assert line(found.body, "Messages: ") == f"{BASE}/messages/m-1"


def test_deliveries_that_wait_are_told_with_the_endpoint_that_they_wait_for() -> None:
    facts = {"label": "Deliveries to endpoints", "seconds": 83, "endpoint": "ep_1", "worst": "CRM"}
    body = told("backlog", (("queue", "relay"),), **facts).body
    assert "\nWorst: CRM.\n" in body
    assert line(body, "Deliveries: ") == f"{BASE}/deliveries?endpoint=ep_1&state=waiting"


@pytest.mark.parametrize(
    ("off", "title", "says"),
    [
        (0, "CRM: its calls fail", "wait, and are retried automatically."),
        (1, "CRM: disabled, because its calls failed", "`delivrd endpoints enable ep_1`."),
    ],
)
def test_an_endpoint_s_notice_says_what_becomes_of_what_it_missed(
    off: int, title: str, says: str
) -> None:
    place = (("endpoint", "ep_1"),)
    found = told("endpoint_failing", place, label="CRM", why="500", off=off)
    assert found.title == title
    assert says in found.body
    assert line(found.body, "Why: ") == "500."


def test_a_reason_that_two_statuses_have_says_which() -> None:
    told = (("undelivered", "other", 4), ("rejected", "blocked", 2), ("rejected", "other", 1))
    assert reasons_in_words(told) == ["undelivered: other", "blocked", "rejected: other"]


@pytest.mark.parametrize(("at", "begins"), [(MAIN, "main: 45 more"), ((), "45 more")])
def test_a_digest_tells_where_and_leads_to_the_failures_of_its_hour(at: Any, begins: str) -> None:
    found = told("failure", at, what="digest", n=45, told=3, held={"main: other": 45})
    assert found.title == f"{begins} messages failed in the last hour"
    account = "account=main&" if at else ""
    assert line(found.body, "Messages: ").startswith(f"{BASE}/messages?{account}status=failed&")


def test_a_digest_about_one_sender_leads_to_its_messages() -> None:
    found = told("failure", what="digest", n=45, told=3, held={"main: other": 45}, sender="Acme")
    assert "&from=Acme&" in line(found.body, "Messages: ")


def test_what_waits_in_the_hub_is_named_as_people_call_it() -> None:
    title = told("backlog", (("queue", "fold"),), label="Receipts in the hub", seconds=83).title
    assert title == "Receipts in the hub: the oldest has waited for 83 s"


# --- why ------------------------------------------------------------------------------------------


HEARD = Calls((NOON - 9) * SECOND)
REFUSED = Calls(None, 7, 1, "no signature")
NOBODY = "No gateway has called since: this hub may not be reachable from outside"
SECRETS = "7 calls of main were refused (no signature): check its secrets"


@pytest.mark.parametrize(
    ("account", "calls", "says"),
    [
        ("main", {}, NOBODY),
        (None, {}, NOBODY),
        (
            "main",
            {"other": HEARD},
            "main has not called since, while other has: this hub is reachable, main is silent",
        ),
        (
            "main",
            {"other": REFUSED, "third": HEARD},
            "main has not called since, while other, third have: "
            "this hub is reachable, main is silent",
        ),
        ("main", {"main": REFUSED, "other": HEARD}, SECRETS),
        (None, {"main": REFUSED}, SECRETS),
        (
            None,
            {"a": Calls(None, 7, 1, "late"), "b": Calls(None, 2, 9, "no signature")},
            "9 calls of a, b were refused (no signature): check their secrets",
        ),
        (
            "main",
            {"main": HEARD, "other": REFUSED},
            "Calls of main come in (the last 9 s ago), but not about these messages",
        ),
        (
            None,
            dict.fromkeys("dcba", HEARD),
            "Calls of a, b, c come in, but not about these messages",
        ),
        (
            None,
            {"main": REFUSED, "other": HEARD},
            f"Calls of other come in, but not about these messages; {SECRETS}",
        ),
    ],
)
def test_silence_is_explained_by_what_the_gateways_call(
    account: str | None, calls: dict[str, Calls], says: str
) -> None:
    assert why_no_receipts(account, calls, None, NOON) == says


@pytest.mark.parametrize(
    ("calls", "begins"),
    [
        ({}, "No account's gateway has called since, but "),
        ({"other": HEARD}, "main has not called since, while other has: "),
    ],
)
def test_silence_is_explained_by_calls_to_an_address_that_is_none(
    calls: dict[str, Calls], begins: str
) -> None:
    strays = Strays(3, 1, "/webhooks/mian")
    lost = "3 calls came for no account, the last to /webhooks/mian: check the webhook's address"
    assert why_no_receipts("main", calls, strays, NOON) == begins + lost
    assert why_no_receipts("main", {"main": REFUSED}, strays, NOON) == SECRETS


async def _refused(store: Store) -> None:
    for status, why in (
        (401, "no signature"),
        (401, "no signature"),
        (404, "there is no such webhook"),  # a wrong secret in its path
        (413, "the body is too large"),
    ):
        await execute(
            store,
            "INSERT INTO ring (id, account, received_at, method, path, body, status, why) "
            "VALUES ($1, 'main', $2, 'GET', '/', $3, $4, $5)",
            store.ids.next(), now_micros(), b"", status, why,
        )  # fmt: skip


def test_calls_with_a_wrong_secret_in_their_path_count_as_refused(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await _refused(store)
            kind, since = "rejected_signatures", now_micros() - 600 * SECOND
            counted = await store.read(lambda tx: marks(tx, store.accounts, kind, since))
            assert sum(mark.n for mark in counted) == 3

    run(test())


async def _unmapped(store: Store) -> None:
    strange = [receipt(f"p{i}", "pending", False, unmapped=True) for i in range(2)]
    odd = receipt("q", "undelivered", unmapped=True, error_code="4711")
    await receive(store, *strange, odd, by="main")


async def _heard(store: Store) -> None:
    await receive(store, receipt("a"), by="other")


@pytest.mark.parametrize(
    ("kind", "fill", "says"),
    [
        ("rejected_signatures", _refused,
         "Why: no signature (2); there is no such webhook (1)."),
        ("unmapped", _unmapped, "They say: pending (2), undelivered with code 4711 (1)."),
        ("no_receipts", _heard, "main has not called since, while other has: this hub is "
         "reachable, main is silent."),
    ],
)  # fmt: skip
def test_what_is_no_failure_of_messages_is_explained_too(
    database_url: str, kind: str, fill: Callable[[Store], Any], says: str
) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            now = now_micros() // SECOND
            await fill(store)
            update = Update(what="fired", at=now, firing=1, place=MAIN, since=now - 600)
            why = await find_causes(store, Rule.model_validate({"kind": kind}), update)
            assert list(why.also) == [says]

    run(test())


async def _sent_by_network(store: Store, now: int) -> None:
    """Messages of the last 20 minutes to two networks of Great Britain: one of them has reported
    nothing in the last ten."""
    account_id = store.accounts.by_name["main"].id
    messages, attempts = [], []
    for second in range(20 * MINUTE, 2 * MINUTE, -6):
        at, row_id = (now - second) * SECOND, floor((now - second) * SECOND)
        for i, network in enumerate(("23410", "23415")):
            silent = network == "23415" and second <= 10 * MINUTE
            status = "pending" if silent else "delivered"
            messages.append((row_id + i, str(row_id + i), "api", account_id, "GB", at, status))
            attempts.append(
                (row_id + i, row_id + i, 0, account_id, "accepted", at, 1, status, network)
            )

    async def job(tx: Tx) -> None:
        columns = ("id", "uuid", "origin", "account_id", "country", "created_at", "status")
        await tx.insert(schema.message, columns, messages)
        columns = ("id", "message_id", "seq", "account_id", "state", "handed_at", "parts_expected",
                   "status", "network")  # fmt: skip
        await tx.insert(schema.attempt, columns, attempts)

    await store.write(job)


@pytest.mark.parametrize("facts", [{}, {"networks": "23415"}], ids=["not named", "named already"])
def test_the_first_notice_of_an_overdue_country_names_the_network_that_is_silent(
    database_url: str, facts: dict[str, str]
) -> None:
    """Counts by network are judged by whole quarters of an hour, which may be too late for it."""

    async def test() -> None:
        async with opened(database_url) as store:
            now = now_micros() // SECOND // 60 * 60
            await _sent_by_network(store, now)
            update = Update(what="fired", at=now, firing=1, place=GB, since=now - 600, facts=facts)
            why = await find_causes(store, Rule.model_validate({"kind": "overdue"}), update)
            named = [one for one in why.also if "23415" in one]
            if facts:
                assert named == []
            else:
                (line,) = named
                assert line.startswith("Network 23415 has reported nothing since")
                assert "(80 messages, 50 % of those sent there)" in line
            assert not any("23410" in one for one in why.also)

    run(test())


async def _waiting(store: Store, *whys: str | None) -> Data:
    """What is known of an endpoint that deliveries wait for; in each call of theirs came what
    stands there."""
    began = now_micros()
    row = {
        "id": 7, "kind": "endpoint", "url": "https://a.example/x", "origin": "https://a.example",
        "description": "CRM", "format": "delivrd", "secrets": "[]", "failures": "[]",
        "created_at": 1, **({"failing_since": began} if any(whys) else {}),
    }  # fmt: skip
    waits = [
        {"id": store.ids.next(), "event_id": number, "endpoint_id": 7, "message_id": 1,
         "state": "waiting", "tries": 0 if why is None else 1, "next_at": began, "why": why,
         "created_at": 1}
        for number, why in enumerate(whys)
    ]  # fmt: skip

    async def job(tx: Tx) -> None:
        await tx.insert(schema.endpoint, tuple(row), [tuple(row.values())])
        await tx.insert(schema.delivery, tuple(waits[0]), [tuple(one.values()) for one in waits])

    await store.write(job)
    rules = [Rule(kind="endpoint_failing"), Rule(kind="backlog")]
    now, base = began // SECOND + 600, Baseline(0, False, {})
    return (await store.read(lambda tx: known(tx, store.accounts, rules, base, now, 0))).data()


def test_a_failing_endpoint_is_told_with_what_came_of_its_calls(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            (one,) = (await _waiting(store, None, "connection refused", None)).endpoints
            assert one.label == "https://a.example (CRM)"
            assert (one.why, one.off) == ("connection refused", False)

    run(test())


def test_what_waits_for_an_endpoint_that_is_well_names_it(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            lag = (await _waiting(store, None)).lags["relay"]
            assert (lag.endpoint, lag.label) == ("ep_0000000000000007", "https://a.example (CRM)")
            assert 599 <= lag.seconds <= 601

    run(test())
