"""Notices on their way to channels: a real sink on loopback, called through apprise."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from delivrd.alert_settings import Channel, Rule
from delivrd.core.statement import moment
from delivrd.core.units import HOUR
from delivrd.insight.alerts import channels
from delivrd.insight.alerts.channels import masked, send, shown, trouble
from delivrd.insight.alerts.notifier import AT_ONCE, RETRIES, Notifier
from delivrd.insight.alerts.state import Update
from delivrd.insight.alerts.watch import firing_id
from delivrd.insight.alerts.words import headline
from delivrd.store import alerts as stored
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from tests.filled import execute
from tests.insight.watch_support import channel_url, sent, watched
from tests.relay.relay_support import Sink, says
from tests.support import run, until

SECRET = "t0ken-of-the-channel"
BASE = "http://127.0.0.1:8025"


def channel(url: str) -> Channel:
    return Channel.model_validate({"url": url})


async def notices(store: Store) -> list[stored.Notice]:
    async def ask(tx: Any) -> list[stored.Notice]:
        (firing,) = await stored.firings(tx, 1 << 62, 5)
        return await stored.notices_of(tx, firing.id)

    return await store.read(ask)


def test_a_notice_says_what_where_since_when_how_bad_and_why(database_url: str) -> None:
    async def test() -> None:
        async with Sink().listening() as sink, watched(database_url, sink) as hub:
            await sent(hub.store, failed=30)
            (update,) = await hub.watch.once()
            assert await hub.notifier.once() == 1
            (call,) = sink.calls
            title, body = call.json["title"], call.json["message"]
            assert title.startswith("main → GB: 100 % fail")
            assert "30 of 30 messages" in body
            assert "Since 20" in body
            assert "Reasons: other (30)." in body
            since = f"{moment(update.since * 1_000_000):%Y-%m-%dT%H}"
            assert f"/messages?account=main&country=GB&status=failed&since={since}" in body
            (firing,) = await hub.store.read(lambda tx: stored.firings(tx, 1 << 62, 5))
            assert f"Firing: {BASE}/alerts/firings/{firing_id(firing.id)}" in body
            assert "Rule rate: Failure rate of any account → country over 5 % in 1 h" in body
            assert call.json["type"] == "failure"
            (notice,) = await notices(hub.store)
            assert (notice.state, notice.tries, notice.why) == ("sent", 1, None)
            assert await hub.notifier.once() == 0

    run(test())


def test_what_a_channel_does_not_take_is_tried_again_and_then_given_up(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(says(500))
        async with sink.listening(), watched(database_url, sink) as hub:
            await sent(hub.store, failed=30)
            await hub.watch.once()
            for _ in RETRIES:
                assert await hub.notifier.once() == 1
                (notice,) = await notices(hub.store)
                assert notice.state == "waiting"
                assert notice.next_at
                assert notice.next_at > notice.created_at
                assert await hub.notifier.once() == 0
                await hub.store.write(lambda tx: tx.execute("UPDATE notice SET next_at = 0"))
            await hub.notifier.once()
            (notice,) = await notices(hub.store)
            assert (notice.state, notice.tries) == ("failed", len(RETRIES) + 1)
            doing = await hub.store.read(lambda tx: stored.doing(tx, "ops"))
            assert doing.why
            assert doing.sent_at is None

    run(test())


def test_a_channel_that_was_down_hears_of_a_firing_in_order(database_url: str) -> None:
    """A recovery that is told before what it recovers from leaves the reader with the alarm."""

    async def test() -> None:
        sink = Sink(says(500), says(200))
        async with sink.listening(), watched(database_url, sink) as hub:
            await sent(hub.store, failed=30)
            await hub.watch.once()
            assert await hub.notifier.once() == 1
            (firing,) = await hub.store.read(lambda tx: stored.firings(tx, 1 << 62, 5))
            await hub.store.write(
                lambda tx: stored.post(
                    tx, hub.store.ids, firing.id, ["ops"], "recovered", "Recovered", "b", 1
                )
            )
            assert await hub.notifier.once() == 0  # the first is tried again in some seconds
            await hub.store.write(lambda tx: tx.execute("UPDATE notice SET next_at = 1"))
            assert await hub.notifier.once() == 1
            assert await hub.notifier.once() == 1
            assert [call.json["type"] for call in sink.calls] == ["failure", "failure", "success"]

    run(test())


async def later(store: Store, *titles: str, channel: str = "ops") -> None:
    """Notices of as many firings that failed before, and are tried again in an hour."""
    await due(store, *titles, channel=channel)
    at = now_micros() + HOUR
    for title in titles:
        await execute(store, "UPDATE notice SET next_at = $1 WHERE title = $2", at, title)


async def due(store: Store, *titles: str, channel: str = "ops") -> None:
    async def job(tx: Any) -> None:
        for title in titles:
            firing = store.ids.next()
            await stored.post(tx, store.ids, firing, [channel], "fired", title, "b", now_micros())

    await store.write(job)


def test_once_a_channel_works_its_older_notices_follow_the_oldest_first(database_url: str) -> None:
    async def test() -> None:
        async with Sink().listening() as sink, watched(database_url, sink) as hub:
            await later(hub.store, "first", "second", "third")
            await later(hub.store, "of another channel", channel="mail")
            assert await hub.notifier.once() == 0
            await due(hub.store, "new")
            while await hub.notifier.once():
                pass
            titles = [call.json["title"] for call in sink.calls]
            assert titles == ["new", "first", "second", "third"]

    run(test())


def test_a_channel_that_fails_again_leaves_the_others_to_their_pauses(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(says(200), says(500))
        async with sink.listening(), watched(database_url, sink) as hub:
            await later(hub.store, "first", "second", "third")
            await due(hub.store, "new")
            while await hub.notifier.once():
                pass
            assert [call.json["title"] for call in sink.calls] == ["new", "first"]

    run(test())


def test_a_channel_that_takes_only_some_gets_no_others_at_once(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(says(200), says(500))
        async with sink.listening(), watched(database_url, sink) as hub:
            await later(hub.store, "older")
            await due(hub.store, "one", "two")
            assert await hub.notifier.once() == 2
            assert await hub.notifier.once() == 0

    run(test())


def test_a_channel_with_many_notices_keeps_no_other_waiting(database_url: str) -> None:
    """One that does not answer takes twenty seconds for each."""

    async def test() -> None:
        async with Sink().listening() as sink, watched(database_url, sink) as hub:
            await due(hub.store, *(f"old {i}" for i in range(20)), channel="mail")
            await due(hub.store, "first", "second")
            await hub.notifier.once()
            assert {call.json["title"] for call in sink.calls} == {"first", "second"}

    run(test())


def test_a_notice_for_a_removed_channel_fails_with_the_reason(database_url: str) -> None:
    async def test() -> None:
        async with Sink().listening() as sink, watched(database_url, sink) as hub:
            await sent(hub.store, failed=30)
            await hub.watch.once()
            hub.config.alerts.channels.clear()
            await hub.notifier.once()
            (notice,) = await notices(hub.store)
            assert notice.why == "the settings no longer have this channel, or it is disabled"

    run(test())


def test_one_process_sends_at_a_time(database_url: str) -> None:
    async def test() -> None:
        async with Sink().listening() as sink, watched(database_url, sink) as hub:
            await sent(hub.store, failed=30)
            await hub.watch.once()
            await hub.store.write(
                lambda tx: tx.execute(
                    "INSERT INTO lease (name, holder, expires_at) VALUES ('notices', 'x', $1)",
                    1 << 60,
                )
            )
            assert await hub.notifier.once() == 0
            assert sink.calls == []

    run(test())


def test_who_stops_sending_lets_another_process_go_on_at_once(database_url: str) -> None:
    async def test() -> None:
        async with Sink().listening() as sink, watched(database_url, sink) as hub:
            titles = [f"notice {i}" for i in range(AT_ONCE + 1)]
            await due(hub.store, *titles)
            sending = asyncio.create_task(hub.notifier.run())
            await until(lambda: len(sink.calls) == len(titles))
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await due(hub.store, "after it")
            assert await Notifier(hub.store, hub.config).once() > 0

    run(test())


@pytest.mark.parametrize(
    "url", [f"json://user:{SECRET}@127.0.0.1:1/{SECRET}", f"slack:/{SECRET}", f"{SECRET}://host"]
)
def test_an_address_never_shows_when_a_channel_fails(url: str) -> None:
    told = run(send(channel(url), "test", "a test", "of this channel"))
    assert told.why
    assert SECRET not in told.why
    assert SECRET not in (trouble(channel(url)) or "")
    assert SECRET not in shown(channel("json://" + SECRET))
    assert SECRET not in repr(channel(url))


def test_an_address_that_apprise_fails_at_is_trouble_and_stops_no_notice() -> None:
    """As one with a byte that is not UTF-8, from the environment."""
    bad = channel("https://hooks.slack.com/services/\udce9")
    told = run(send(bad, "test", "a test", "of this channel"))
    assert told.why == trouble(bad) == "its url is not one that apprise knows for https://"


def test_parts_of_an_address_are_masked_in_what_a_service_says() -> None:
    text = f"POST https://hooks.example.org/services/{SECRET} failed"
    assert SECRET not in masked(text, f"json://hooks.example.org/services/{SECRET}?x=1")


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("user ops with p@ss/word was refused", "p@ss/word"),
        ("Max retries exceeded with url: /t%20ken%2B1", "t%20ken%2B1"),
        ("no such host: HOOK-OF-OPS.EXAMPLE", "OPS"),
    ],
)
def test_parts_of_an_address_are_masked_however_they_are_escaped(said: str, secret: str) -> None:
    url = "json://ops:p%40ss%2fword@hook-of-ops.example/t%20ken%2b1"
    assert secret not in masked(said, url)


def raises(**notice: object) -> None:
    raise RuntimeError(f"POST https://hooks.example.org/{SECRET}: connection reset")


class Refused:
    """What apprise returns for a notice that a service did not accept."""

    def __init__(self, *said: str) -> None:
        logs = [SimpleNamespace(message=one) for one in said]
        self.results = [SimpleNamespace(logs=lambda: logs)]

    def __bool__(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("notify", "why"),
    [
        (raises, "RuntimeError: POST https://…: connection reset"),
        (lambda **notice: Refused("first", f"HTTP 403 at /{SECRET}"), "HTTP 403 at /…"),
        (lambda **notice: Refused(), "the service did not accept it"),
    ],
)
def test_the_reason_for_a_failure_is_what_the_service_said_without_the_address(
    notify: Callable[..., object], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = SimpleNamespace(notify=notify)
    monkeypatch.setattr(channels, "_service", lambda url: service)
    told = run(send(channel(f"json://hooks.example.org/{SECRET}"), "test", "a test", "of this"))
    assert told.why == why


def test_an_address_that_apprise_can_read_is_no_trouble() -> None:
    async def test() -> None:
        async with Sink().listening() as sink:
            assert trouble(channel(channel_url(sink))) is None
            told = await send(channel(channel_url(sink)), "test", "a test", "of this channel")
            assert told.ok
            assert sink.calls[0].json["title"] == "a test"

    run(test())


def test_a_headline_says_what_the_rule_is_about_where_it_is_all_of_it() -> None:
    update = Update(what="fired", at=0, firing=1, place=(), since=0, facts={"n": 10, "k": 5})
    for fields, told in (({}, "all accounts"), ({"countries": ["GB", "DE"]}, "GB, DE")):
        rule = Rule.model_validate({"kind": "failure_rate", **fields})
        assert headline(update, rule).startswith(f"{told}: ")
