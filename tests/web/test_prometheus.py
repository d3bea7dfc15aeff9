"""The real Prometheus scrapes a hub as documented, and answers the queries of the dashboard."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from delivrd.app import ROLES
from tests.conftest import Need
from tests.gateways.programs import running
from tests.ports import free_port
from tests.support import run, serving, until
from tests.web.test_grafana import DASHBOARD
from tests.web.web_support import ADMIN_KEY, web

DOCS = Path(__file__).parents[2] / "docs" / "alerts.md"
KEY_FILE = "/etc/prometheus/delivrd.key"
TARGET = "127.0.0.1:8025"

MAY_BE_EMPTY = {"Alerts firing by rule", "Notices", "API: errors"}
"""Panels of what did not happen here."""


def documented(key_file: Path, target: str) -> str:
    """The settings in the docs, for this hub."""
    found = re.search(r"```yaml\n(scrape_configs:.*?)```", DOCS.read_text(), re.DOTALL)
    assert found is not None
    settings = found[1]
    assert KEY_FILE in settings
    assert TARGET in settings
    settings = settings.replace(KEY_FILE, str(key_file)).replace(TARGET, target)
    return f"global:\n  scrape_interval: 1s\n{settings}"


@asynccontextmanager
async def prometheus(folder: Path, settings: str) -> AsyncGenerator[httpx2.AsyncClient]:
    config, port = folder / "prometheus.yml", free_port()
    config.write_text(settings)
    options = (
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with running("prometheus", *options, folder=folder):
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await until(lambda: _ready(client), 20)
            yield client


async def _ready(client: httpx2.AsyncClient) -> bool:
    try:
        return (await client.get("/-/ready")).status_code == 200
    except httpx2.TransportError:
        return False


async def queried(client: httpx2.AsyncClient, expression: str) -> list[dict[str, Any]]:
    answer = await client.get("/api/v1/query", params={"query": expression})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def test_prometheus_answers_every_query_of_the_dashboard(
    database_url: str, tmp_path: Path, need: Need
) -> None:
    need("prometheus")
    key_file = tmp_path / "delivrd.key"
    key_file.write_text(ADMIN_KEY)
    expressions = {
        target["expr"].replace("$instance", ".*"): panel["title"]
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    }

    async def test() -> None:
        async with web(database_url, ROLES) as hub, serving(hub.hub, hub.app) as address:
            await hub.receipt("inbox", messageId="id-1", status="delivered", **{"err-code": "0"})
            await hub.client.post("/webhooks/nobody", json={})
            settings = documented(key_file, address.removeprefix("http://"))
            async with prometheus(tmp_path, settings) as client:

                async def empty() -> set[str]:
                    return {
                        title
                        for expression, title in expressions.items()
                        if not await queried(client, expression)
                    }

                async def all_answered() -> bool:
                    return await empty() <= MAY_BE_EMPTY

                await until(all_answered, 30, 0.2)
                (up,) = await queried(client, "delivrd_database_up")
                assert up["value"][1] == "1"

    run(test())
