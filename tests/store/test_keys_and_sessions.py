"""API keys and sessions (rule H4)."""

from base64 import urlsafe_b64decode

from delivrd.core.units import DAY, MINUTE
from delivrd.store import keys, sessions
from delivrd.store.base import Store
from delivrd.store.keys import Key, Scope
from delivrd.store.tx import Tx
from tests.store.query_support import opened
from tests.support import run

NOW = 1_795_000_000_000_000


async def create(store: Store, *scopes: Scope) -> tuple[Key, str]:
    return await store.write(lambda tx: keys.create_key(tx, store.ids, "shop", scopes, NOW))


async def find(store: Store, given: str) -> Key | None:
    return await store.read(lambda tx: keys.find_key(tx, given))


def test_a_key_is_found_with_its_scopes(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            key, secret = await create(store, Scope.READ, Scope.SEND)
            assert await find(store, secret) == key
            assert key.scopes == {Scope.READ, Scope.SEND}

    run(test())


def test_a_key_with_the_right_prefix_and_a_wrong_secret_is_refused(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            _, secret = await create(store, Scope.ADMIN)
            wrong = secret[:-1] + ("0" if secret[-1] != "0" else "1")
            for given in (wrong, secret.upper(), secret + "0", "", "dlv__", "dlv_\0_x", "é"):
                assert await find(store, given) is None

    run(test())


def test_the_key_itself_is_nowhere_in_the_store(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            _, secret = await create(store, Scope.ADMIN)
            rows = await store.read(lambda tx: tx.fetch("SELECT * FROM api_key"))
            kept = " ".join(str(bytes(v) if isinstance(v, memoryview) else v) for v in rows[0])
            assert secret.rpartition("_")[2] not in kept

    run(test())


def test_a_revoked_key_is_refused(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            key, secret = await create(store, Scope.ADMIN)
            assert await store.write(lambda tx: keys.revoke_key(tx, key.id, NOW))
            assert await find(store, secret) is None

    run(test())


def test_a_key_that_is_revoked_again_was_revoked_the_first_time(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            key, _ = await create(store, Scope.READ)
            for at in (NOW, NOW + DAY):
                await store.write(lambda tx, at=at: keys.revoke_key(tx, key.id, at))
            (listed,) = await store.read(keys.list_keys)
            assert listed.revoked_at == NOW

    run(test())


def test_keys_links_and_sessions_hold_256_random_bits(sqlite_url: str) -> None:
    async def test() -> None:
        async with opened(sqlite_url) as store:
            _, key = await create(store, Scope.READ)
            _, other = await create(store, Scope.READ)
            secrets = [each.rpartition("_")[2] for each in (key, other)]
            assert [len(bytes.fromhex(secret)) for secret in secrets] == [32, 32]
            assert secrets[0] != secrets[1]
            cookie = await store.write(lambda tx: sessions.create_session(tx, NOW))
            tokens = [await link(store), await link(store), cookie]
            assert [len(urlsafe_b64decode(token + "=")) for token in tokens] == [32, 32, 32]
            assert len(set(tokens)) == 3

    run(test())


def test_secrets_that_differ_outside_ascii_alone_are_not_taken_for_each_other() -> None:
    assert keys.digest("\u00e9" * 24) != keys.digest("\u00e8" * 24)


async def link(store: Store) -> str:
    return await store.write(lambda tx: sessions.create_link(tx, NOW))


async def redeem(store: Store, token: str, now: int = NOW) -> str | None:
    return await store.write(lambda tx: sessions.redeem_link(tx, token, now))


async def session(store: Store, cookie: str, now: int = NOW) -> sessions.Session | None:
    return await store.read(lambda tx: sessions.find_session(tx, cookie, now))


def test_a_link_signs_in_once(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            token = await link(store)
            cookie = await redeem(store, token)
            assert cookie is not None
            found = await session(store, cookie)
            assert found is not None
            assert found.scopes == {Scope.ADMIN}
            assert await redeem(store, token) is None

    run(test())


def test_a_link_is_good_for_15_minutes(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            early, late = await link(store), await link(store)
            assert await redeem(store, early, NOW + 15 * MINUTE - 1) is not None
            assert await redeem(store, late, NOW + 15 * MINUTE) is None

    run(test())


def test_a_link_is_no_session_and_a_session_no_link(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            token = await link(store)
            assert await session(store, token) is None
            cookie = await redeem(store, token)
            assert cookie is not None
            assert await redeem(store, cookie) is None

    run(test())


def test_a_session_is_good_for_30_days(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            cookie = await redeem(store, await link(store))
            assert cookie is not None
            assert await session(store, cookie, NOW + 30 * DAY - 1) is not None
            assert await session(store, cookie, NOW + 30 * DAY) is None

    run(test())


def test_sessions_that_have_ended_are_gone_once_somebody_signs_in(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            for days in (0, 29, 31):
                at = NOW + days * DAY
                await store.write(lambda tx, at=at: sessions.create_session(tx, at))
            ((left,),) = await store.read(lambda tx: tx.fetch("SELECT count(*) FROM session"))
            assert left == 2

    run(test())


def test_a_session_ends_with_the_key_that_made_it(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            key, _ = await create(store, Scope.READ)
            cookie = await store.write(lambda tx: sessions.create_session(tx, NOW, key))
            found = await session(store, cookie)
            assert found is not None
            assert found.scopes == {Scope.READ}
            await store.write(lambda tx: keys.revoke_key(tx, key.id, NOW))
            assert await session(store, cookie) is None

    run(test())


def test_somebody_came_once_a_key_or_a_session_was_made(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:

            async def first(tx: Tx) -> bool:
                return await sessions.is_first_start(tx)

            await link(store)
            assert await store.read(first)
            await create(store, Scope.READ)
            assert not await store.read(first)

    run(test())
