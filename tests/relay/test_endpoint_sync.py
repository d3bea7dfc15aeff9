"""Endpoints of the settings: in the store as these say, at every start."""

import sqlite3
from typing import Any

from delivrd.config_endpoints import EndpointSettings
from delivrd.relay import endpoint_sync
from delivrd.store import endpoints
from delivrd.store.endpoints import Endpoint
from delivrd.store.open import open_store, sqlite_path
from tests.relay.relay_support import START, Telling, telling
from tests.support import run, settings

URL = "https://app.example.org/sms"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_2LaLaSwMfKQ9r8GKYqrTwjUPD8ILPZIo"


def shop(**fields: Any) -> EndpointSettings:
    return EndpointSettings(**{"url": URL, "secret": (SECRET,), **fields})


async def started(hub: Telling, database_url: str, **said: EndpointSettings) -> list[Endpoint]:
    """What a start with these endpoints in the settings leaves."""
    await endpoint_sync.sync_endpoints(hub.store, settings(database_url, endpoints=said))
    return list(await hub.store.read(endpoints.every))


def test_it_is_made_once_and_changed_with_the_settings(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as hub:
            (first,) = await started(hub, database_url, shop=shop())
            (again,) = await started(hub, database_url, shop=shop())
            assert again == first
            assert (first.name, first.url, first.secrets_at(START)) == ("shop", URL, (SECRET,))
            (changed,) = await started(
                hub, database_url, shop=shop(url=f"{URL}/2", secret=(OTHER, SECRET))
            )
            assert (changed.id, changed.url) == (first.id, f"{URL}/2")
            assert changed.revision == first.revision + 1  # what waits is called there
            assert changed.secrets_at(START) == (OTHER, SECRET)

    run(test())


def test_taken_out_it_is_disabled_and_put_back_it_goes_on(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as hub:
            await started(hub, database_url, shop=shop())
            (out,) = await started(hub, database_url)
            assert (out.enabled, out.disabled_why) == (False, endpoints.TAKEN_OUT)
            (back,) = await started(hub, database_url, shop=shop())
            assert (back.id, back.enabled, back.disabled_why) == (out.id, True, None)

    run(test())


def test_disabled_by_hand_it_stays_so_over_a_start(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as hub:
            (one,) = await started(hub, database_url, shop=shop())
            await hub.write(lambda tx: endpoints.disable(tx, one.id, START, "by hand"))
            (still,) = await started(hub, database_url, shop=shop())
            assert (still.enabled, still.disabled_why) == (False, "by hand")

    run(test())


def test_others_are_left_alone(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as hub:
            made = await hub.endpoint("https://made.example.org/by-api")
            (one,) = await started(hub, database_url)
            assert (one.id, one.enabled, one.name) == (made, True, None)

    run(test())


def test_a_database_of_before_gets_the_columns(sqlite_url: str) -> None:
    async def test() -> None:
        store = await open_store(sqlite_url, {})
        await store.close()
        path = sqlite_path(sqlite_url)
        assert path is not None
        old = sqlite3.connect(path)
        old.executescript(
            "DROP INDEX uq_endpoint_name; ALTER TABLE endpoint DROP COLUMN name; "
            "ALTER TABLE message DROP COLUMN last_event; "
            "UPDATE alembic_version SET version_num = '0001'"
        )
        old.close()
        async with telling(sqlite_url) as hub:
            (one,) = await started(hub, sqlite_url, shop=shop())
            assert one.name == "shop"
            assert await hub.rows("SELECT last_event FROM message") == []

    run(test())
