"""Figures for Prometheus that must not fall, whatever the store forgets."""

from filled import execute, opened
from support import run

from delivrd.core.units import DAY
from delivrd.store.counts import BUCKET
from delivrd.store.ids import now_micros
from delivrd.web.metrics import Metrics


def test_the_counter_of_tries_never_falls_when_tallies_are_pruned(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            begun = clock = now_micros()
            metrics = Metrics(lambda: clock)

            async def told(days: int, n: int) -> None:
                await execute(
                    store,
                    "INSERT INTO told (endpoint_id, bucket, outcome, slot, n) "
                    "VALUES (7, $1, 'delivered', 0, $2)",
                    (begun + days * DAY) // BUCKET,
                    n,
                )

            async def counted() -> str:
                lines = (await metrics.page(store)).decode().splitlines()
                found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
                return found['delivrd_tries_total{outcome="delivered"}']

            await execute(
                store,
                "INSERT INTO endpoint (id, kind, url, origin, format, secrets, failures, "
                "created_at) VALUES (7, 'endpoint', 'x', 'x', 'delivrd', '[]', '[]', $1)",
                begun,
            )
            await told(0, 5)
            assert await counted() == "5.0"
            clock += 3 * DAY
            await told(3, 2)
            assert await counted() == "7.0"
            await execute(store, "DELETE FROM told WHERE n = 5")  # as the sweep does
            await told(4, 1)
            assert await counted() == "8.0"

    run(test())
