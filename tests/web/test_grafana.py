"""The Grafana dashboard: it is of the shape that Grafana loads, and asks for what there is."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from delivrd.alert_settings import Alerts
from delivrd.app import ROLES
from delivrd.insight.alerts.watch import Watch
from tests.support import run, until
from tests.web.web_support import Web, web

DASHBOARD = json.loads(
    (Path(__file__).parents[2] / "docs" / "grafana" / "delivrd.json").read_text(encoding="utf-8")
)
TARGET = {
    "type": "object",
    "required": ["refId", "expr", "datasource"],
    "properties": {"refId": {"pattern": "^[A-Z]$"}, "expr": {"type": "string", "minLength": 1}},
}
POSITION = {"type": "integer", "minimum": 0, "maximum": 200}
PANEL = {
    "type": "object",
    "required": ["id", "title", "type", "gridPos", "targets", "datasource", "fieldConfig"],
    "properties": {
        "id": {"type": "integer"},
        "title": {"type": "string", "minLength": 1},
        "type": {"enum": ["stat", "timeseries"]},
        "gridPos": {"required": ["h", "w", "x", "y"], "additionalProperties": POSITION},
        "targets": {"type": "array", "minItems": 1, "items": TARGET},
    },
}
SCHEMA = {
    "type": "object",
    "required": ["title", "uid", "schemaVersion", "panels", "templating", "time"],
    "properties": {
        "uid": {"pattern": "^[A-Za-z0-9_-]{1,40}$"},
        "schemaVersion": {"type": "integer", "minimum": 36},
        "panels": {"type": "array", "minItems": 1, "items": PANEL},
        "templating": {"required": ["list"]},
    },
}
"""What of Grafana's dashboard model (schema version 36 and on) this one uses."""

EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def test_the_dashboard_is_of_grafanas_shape() -> None:
    assert list(jsonschema_rs.validator_for(SCHEMA).iter_errors(DASHBOARD)) == []
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_no_panel_lies_over_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells


def test_every_query_goes_to_the_chosen_source_and_hub() -> None:
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
    names = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert names == {"datasource", "instance"}
    assert all('instance=~"$instance"' in expression for expression in EXPRESSIONS)


async def scraped(hub: Web) -> str:
    return (await hub.client.get("/metrics")).text


def test_its_queries_name_only_metrics_that_exist(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url, ROLES) as hub:
            text = await scraped(hub)
            there = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
            there |= {f"{name}_bucket" for name in there}
            asked = {n for e in EXPRESSIONS for n in re.findall(r"\bdelivrd_\w+", e)}
            assert asked - there == set()

    run(test())


@pytest.mark.parametrize(
    "line",
    [
        'delivrd_attempts_last_hour{account="inbox",status="undelivered"} 1.0',
        'delivrd_attempts_last_hour{account="inbox",status="delivered"} 1.0',
        'delivrd_alerts_firing{rule="rate"} 1.0',
    ],
)
def test_rates_and_alerts_are_there_to_be_scraped(database_url: str, line: str) -> None:

    rule = {"kind": "failure_rate", "at_least": 1, "over": 0}
    alerts = Alerts.model_validate({"rules": {"rate": rule}, "defaults": False})

    async def test() -> None:
        async with web(database_url, alerts=alerts) as hub:
            await hub.receipt("inbox", messageId="id-1", status="delivered", **{"err-code": "0"})
            await hub.receipt("inbox", messageId="id-2", status="failed", **{"err-code": "2"})
            await Watch(hub.store, hub.hub.config).once()

            async def found() -> Any:
                return line in (await scraped(hub)).splitlines()

            await until(found, 5)
            assert "delivrd_alerts_evaluated_seconds" in await scraped(hub)

    run(test())
