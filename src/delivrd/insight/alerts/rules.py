"""The rules in force: from the settings, from the API, and the built-in ones."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pydantic import ValidationError

from delivrd.alert_settings import Alerts, Rule
from delivrd.insight.alerts.defaults import DEFAULTS
from delivrd.store.alerts import StoredRule

FILE, API, DEFAULT = "file", "api", "default"


class Named(NamedTuple):
    """A rule, and where it comes from."""

    name: str
    rule: Rule
    source: str


def in_force(alerts: Alerts, stored: Iterable[StoredRule]) -> dict[str, Named]:
    """All rules by name. A rule of the settings takes precedence over one of the API with the same
    name, and both over a built-in one. Those that are `refused` are left out."""
    defaults: Mapping[str, Rule] = DEFAULTS if alerts.defaults else {}
    found = {name: Named(name, rule, DEFAULT) for name, rule in defaults.items()}
    for one in stored:
        if isinstance(rule := _read(one), Rule):
            found[one.name] = Named(one.name, rule, API)
    found |= {name: Named(name, rule, FILE) for name, rule in alerts.rules.items()}
    return dict(sorted(found.items()))


def refused(stored: Iterable[StoredRule]) -> dict[str, str]:
    """Why this release does not take rules of the API that an earlier one took, by their names."""
    read = ((one.name, _read(one)) for one in stored)
    return {name: said.errors()[0]["msg"] for name, said in read if not isinstance(said, Rule)}


def _read(stored: StoredRule) -> Rule | ValidationError:
    try:
        return Rule.model_validate_json(stored.rule)
    except ValidationError as error:
        return error


def written(rule: Rule) -> str:
    """A rule as it is stored; equal rules give equal text."""
    return rule.model_dump_json(exclude_none=True)
