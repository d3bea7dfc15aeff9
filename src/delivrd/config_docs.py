"""Writes the reference of all settings from their models: `python -m delivrd.config_docs`.

The page goes to ``docs/settings.md`` under the current directory.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ByteSize
from pydantic.fields import FieldInfo

from delivrd.alert_settings import Alerts
from delivrd.config import Config, Insight, Limits, Privacy, Relay, Retention, Sending
from delivrd.config_endpoints import EndpointSettings
from delivrd.providers.base import AccountSettings
from delivrd.providers.docs import table
from delivrd.providers.overrides import CodeMeaning, WordMeaning

FILE = Path("docs/settings.md")

INTRODUCTION = """\
# Settings

They are read from `delivrd.toml` in the current folder, from the file that `--config` or the
variable `DELIVRD_CONFIG` names, and from the environment, which has precedence: `DELIVRD_PORT` is
`port`, `DELIVRD_RETENTION__EVENTS_DAYS` is `events_days` of the table `[retention]`, and
`DELIVRD_ACCOUNTS__SHOP__API_SECRET_FILE` names a file that holds `api_secret` of
`[accounts.shop]`. A key that does not exist is refused, with the nearest one that does.

`delivrd init` writes a first file, `delivrd config show --source` prints what is in force and where
it comes from, and `delivrd doctor` checks it. A changed file is read at the next start. This page
is generated.
"""

TABLES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("The hub", "At the top of the file.", Config),
    ("`[limits]`", "What a caller may use up.", Limits),
    ("`[privacy]`", "What is stored about people.", Privacy),
    ("`[retention]`", "How long things are kept.", Retention),
    ("`[sending]`", "How messages are handed over to gateways.", Sending),
    (
        "`[accounts.NAME]`",
        "One account at a gateway. Its webhook is `/webhooks/NAME`. These are the settings that "
        "accounts of every gateway have; [the gateway's page](providers/README.md) has the rest.",
        AccountSettings,
    ),
    (
        "`[overrides.PROVIDER.words]`",
        "What a status word means that the gateway's tables do not have, or tell otherwise: "
        '`frobnicated = { status = "delivered", final = true }`. It counts from the next '
        "start on, and for calls that `delivrd requests replay ID` reads again.",
        WordMeaning,
    ),
    (
        "`[overrides.PROVIDER.codes]`",
        'The same for an error code: `"777" = { reason = "ported", permanent = true }`.',
        CodeMeaning,
    ),
    ("`[relay]`", "How your systems are called.", Relay),
    (
        "`[endpoints.NAME]`",
        "A system of yours that gets events; see [webhooks](webhooks.md).",
        EndpointSettings,
    ),
    ("`[insight]`", "What counts as good.", Insight),
    (
        "`[alerts]`",
        "Rules, channels and maintenance windows are tables of their own; see [alerts](alerts.md).",
        Alerts,
    ),
)


def page() -> str:
    """The page, in Markdown."""
    sections = [INTRODUCTION.rstrip()]
    for title, about, model in TABLES:
        sections += [f"## {title}", about, table(("setting", "default", "meaning"), _rows(model))]
    return "\n\n".join(sections) + "\n"


def _rows(model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        if field.description:  # tables of their own have none
            yield f"`{name}`", _default(field), field.description.replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value: Any = field.get_default(call_default_factory=True)
    if value is None or value == () or value == {}:
        return ""
    if isinstance(value, ByteSize):
        return f'`"{value.human_readable()}"`'
    return f"`{json.dumps(value)}`"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
