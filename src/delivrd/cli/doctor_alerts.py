"""What `delivrd doctor` says of alerts: channels that fail, and rules that do not exist."""

from collections.abc import Iterator, Mapping, Sequence

from delivrd.alert_settings import Channel, Maintenance
from delivrd.cli.doctor import Check, ok
from delivrd.config import Config
from delivrd.core.hints import nearest
from delivrd.insight.alerts.channels import shown, trouble
from delivrd.insight.alerts.rules import in_force, refused
from delivrd.store.alerts import Doing, StoredRule


def rules(config: Config, stored: Sequence[StoredRule]) -> Iterator[Check]:
    """A finding for each rule that this release does not take, and for each that a channel or a
    maintenance window is limited to, and that does not exist. The settings cannot be refused for
    it: rules are also made over the API."""
    for name, why in refused(stored).items():
        what = f"the rule {name} is of an earlier release and not watched: {why}"
        yield Check("alerts", "bad", what, f"PUT or DELETE /v1/alerts/rules/{name}")
    known = in_force(config.alerts, stored)
    tables: list[tuple[str, Channel | Maintenance]] = [
        *((f"alerts.channels.{name}", one) for name, one in config.alerts.channels.items()),
        *((f"alerts.maintenance.{name}", one) for name, one in config.alerts.maintenance.items()),
    ]
    for table, limited in tables:
        for rule in limited.rules or ():
            if rule not in known:
                what = f"[{table}] is for a rule {rule[:50]!r}, which does not exist"
                mend = nearest(rule, known) or "delivrd alerts list shows them all"
                yield Check("alerts", "warning", what, mend)


def channels(config: Config, doing: Mapping[str, Doing]) -> Iterator[Check]:
    """Whether each alert channel can be used and took its last notice, and whether there is one."""
    if not config.alerts.channels and config.alerts.enabled:
        mend = 'write [alerts.channels.ops] url = "…": docs/alerts.md'
        yield Check("alerts", "warning", "nobody is told when deliverability goes bad", mend)
    for name, channel in config.alerts.channels.items():
        told = doing.get(name)
        if why := trouble(channel):
            yield Check("alerts", "bad", f"{name}: {why}", "docs/alerts.md names the services")
        elif channel.enabled and told is not None and told.failing:
            mend = f"delivrd alerts test {name}"
            yield Check("alerts", "bad", f"{name}: {_takes_nothing(told)}", mend)
        else:
            yield ok("alerts", f"{name}: {shown(channel)}")


def _takes_nothing(doing: Doing) -> str:
    waits = f", {doing.waiting} to be tried again" if doing.waiting else ", and is not tried again"
    return f"the last notice did not go out{waits}: {doing.why}"
