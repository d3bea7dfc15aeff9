"""Figures for Prometheus: those of one process, and those of several on one database."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from delivrd.metrics import Metrics, pack, together, unpack
from delivrd.store import process_figures
from delivrd.store.base import StoreUnavailable
from delivrd.web.metrics import page
from tests.filled import execute, opened
from tests.support import run, until
from tests.web.web_support import Web, web

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)


async def scraped(hub: Web) -> list[Any]:
    """The samples of a scrape."""
    answer = await hub.client.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return [sample for family in families for sample in family.samples]


def appended(samples: list[Any]) -> Counter[str | None]:
    """The requests kept, by process."""
    name = "delivrd_appended_requests_total"
    return Counter({s.labels.get("process"): int(s.value) for s in samples if s.name == name})


async def publish(hub: Web) -> None:
    """What happens in each process every few seconds."""
    await hub.store.write(hub.context.metrics.publish)


@given(st.dictionaries(TEXT, st.floats(0, allow_infinity=False), max_size=5))
def test_published_figures_are_shown_as_they_were(counted: dict[str, float]) -> None:
    family = CounterMetricFamily("things", "Things", labels=("kind",))
    for kind, n in counted.items():
        family.add_metric((kind,), n)
    (shown,) = unpack(pack([family]))
    assert (shown, shown.samples) == (family, family.samples)


def test_metrics_of_two_processes_are_separate() -> None:
    def of(value: float) -> list[Metric]:
        return [CounterMetricFamily("things", "Things", value=value)]

    (metric,) = together({3: of(1)}, {5: pack(of(2))})
    assert {(s.labels["process"], s.value) for s in metric.samples} == {("3", 1), ("5", 2)}


def test_the_only_process_has_no_number(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            await hub.receipt("inbox", messageId="id-1", status="delivered")
            assert appended(await scraped(hub)) == {None: 1}

    run(test())


def test_a_scrape_of_any_process_shows_all_of_them(postgres_url: str) -> None:
    async def test() -> None:
        async with web(postgres_url) as one, web(postgres_url) as other:
            await one.receipt("inbox", messageId="id-1", status="delivered")
            for n in range(2):
                await other.receipt("inbox", messageId=f"id-{n + 2}", status="delivered")
            await publish(one)
            await publish(other)
            by_process = appended(await scraped(one))
            assert sorted(by_process.values()) == [1, 2]
            assert appended(await scraped(other)) == by_process

    run(test())


def test_no_counter_falls_from_a_scrape_of_one_process_to_one_of_another(
    postgres_url: str,
) -> None:
    async def test() -> None:
        async with web(postgres_url) as one, web(postgres_url) as other:
            await publish(one)
            await one.receipt("inbox", messageId="id-1", status="delivered")
            shown = appended(await scraped(one))
            assert sum(shown.values()) == 1
            assert appended(await scraped(other)) >= shown

    run(test())


def test_what_holds_for_all_processes_is_told_once(postgres_url: str) -> None:
    async def test() -> None:
        async with web(postgres_url) as one, web(postgres_url) as other:
            await publish(other)
            names = [s.name for s in await scraped(one)]
            for name in ("delivrd_fold_lag_seconds", "delivrd_deliveries_waiting"):
                assert names.count(name) == 1

    run(test())


def test_a_process_that_ended_is_not_shown(postgres_url: str) -> None:
    async def test() -> None:
        async with web(postgres_url) as one:
            async with web(postgres_url) as other:
                await publish(other)
                assert len(appended(await scraped(one))) == 2
            assert len(appended(await scraped(one))) == 1

    run(test())


def test_a_process_that_died_is_shown_for_half_a_minute(postgres_url: str) -> None:
    async def test() -> None:
        async with web(postgres_url) as one, web(postgres_url) as other:
            await publish(other)
            assert len(appended(await scraped(one))) == 2
            await execute(
                one.store, "UPDATE process_figures SET published_at = published_at - 30000001"
            )
            assert len(appended(await scraped(one))) == 1

    run(test())


def test_a_running_hub_publishes_its_figures(postgres_url: str) -> None:
    async def test() -> None:
        async with web(postgres_url), opened(postgres_url) as store:

            async def published() -> bool:
                return bool(await store.read(lambda tx: process_figures.others(tx, store.ids.slot)))

            await until(published)

    run(test())


def test_without_its_database_a_process_shows_its_own_figures(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with opened(database_url) as store:

            async def fails(*_: object) -> None:
                raise StoreUnavailable("it is away")

            metrics = Metrics()
            metrics.numbered(["message.delivered"])
            assert b"delivrd_database_up 1.0" in await page(store, metrics)
            monkeypatch.setattr(store, "read", fails)
            text = await page(store, metrics)
            assert b"delivrd_database_up 0.0" in text
            assert b'type="message.delivered"' in text
            assert b"delivrd_fold_lag_seconds" not in text

    run(test())
