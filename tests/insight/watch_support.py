"""Rules that are judged over a real store, and channels that end in a real sink."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from delivrd.alert_settings import Alerts
from delivrd.config import Config
from delivrd.insight.alerts.notifier import Notifier
from delivrd.insight.alerts.watch import Watch
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from tests.relay.relay_support import Sink
from tests.store.query_support import add, opened

RATE = {"kind": "failure_rate", "by": ["account", "country"], "at_least": 20}


class Watched(NamedTuple):
    """A store, and the two parts that watch it and tell."""

    store: Store
    config: Config
    watch: Watch
    notifier: Notifier


def settings(url: str, sink: Sink | None = None, **alerts: Any) -> Config:
    alerts.setdefault("defaults", False)
    alerts.setdefault("rules", {"rate": RATE})
    if sink is not None:
        alerts["channels"] = {"ops": {"url": channel_url(sink)}}
    return Config(database=url, alerts=Alerts.model_validate(alerts))


def channel_url(sink: Sink) -> str:
    return sink.url.replace("http://", "json://")


@asynccontextmanager
async def watched(url: str, sink: Sink | None = None, **alerts: Any) -> AsyncGenerator[Watched]:
    config = settings(url, sink, **alerts)
    async with opened(url) as store:
        yield Watched(store, config, Watch(store, config), Notifier(store, config))


async def sent(store: Store, failed: int, pending: int = 0, **fields: Any) -> None:
    """Messages of this minute, some of which were refused; the others have no end yet."""
    now = now_micros()
    given: dict[str, Any] = {"sent_at": now, "country": "GB", "to_number": "+447700900123"}
    refused = [{**given, **fields, "state": "refused"} for _ in range(failed)]
    await add(store, *refused, *({**given, **fields} for _ in range(pending)))
