"""`delivrd init`: a settings file to start from."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, get_origin

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from delivrd.cli.client import same_settings
from delivrd.cli.output import Failure, note
from delivrd.cli.providers import find
from delivrd.config import Config
from delivrd.providers import names, provider
from delivrd.providers.base import AccountSettings

HEAD = """\
# delivrd: settings. `delivrd config show --source` tells what is in force and from where.
# Variables of the environment win: DELIVRD_PORT, DELIVRD_ACCOUNTS__MAIN__API_SECRET, and
# DELIVRD_ADMIN_KEY_FILE for a secret that stands in a file.

# Where everything is kept. SQLite serves one process; for more: "postgresql://user@host/name".
database = "sqlite:///delivrd.db"

# Where the hub listens. 127.0.0.1: only this machine can reach it.
host = "127.0.0.1"
port = 8025

# The address that gateways call, as they see it; signatures are checked against it.
# public_url = "https://sms.example.org"

# Proxies in front of the hub, whose forwarding headers are believed.
# trusted_proxies = ["10.0.0.0/8"]

# A key of all rights for the API and for this command line. Keep it to yourself.
admin_key = "{admin_key}"

# Country of numbers that are written without a country code.
# default_region = "GB"

# [privacy]
# text = "preview"   # or "full", "none": what is kept of a text once it is not needed

# [retention]
# request_bodies_days = 30

# Accounts: one for each login at a gateway. Take the # away from those you use. Their webhooks:
#   <public_url>/webhooks/<account>/<webhook_secret>
"""


def command(
    gateways: Annotated[
        list[str] | None,
        typer.Argument(help="Dialects to write accounts for [default: all]."),
    ] = None,
    config: Annotated[Path, typer.Option("--config", help="File to write.")] = Path(Config.FILE),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a first delivrd.toml, with new secrets and the settings of each gateway.

    Example: delivrd init twilio kannel
    """
    content = text([find(name).name for name in gateways or names()])
    try:
        if force:
            draft = config.with_name(config.name + ".new")
            draft.unlink(missing_ok=True)
            _write_new(draft, content)
            draft.replace(config)
        else:
            _write_new(config, content)
    except FileExistsError:
        why = "it may hold what you need"
        raise Failure(f"{config} exists", why, "overwrite it by --force") from None
    except OSError as error:
        raise Failure(f"{config} cannot be written", error.strerror or "") from None
    then = " && ".join(filter(None, (same_settings(config), "delivrd serve")))
    note(f"{config} is written. Take the # away from an account and fill it in, then: {then}")


def _write_new(path: Path, content: str) -> None:
    """Writes a file that is not there yet; only the owner may read it, for it holds secrets."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)


OWN = '"your-'
"""How the values begin that are to be replaced by one's own."""


def text(gateways: list[str]) -> str:
    """A whole settings file with an account of each dialect, and new secrets."""
    head = HEAD.format(admin_key=secrets.token_urlsafe(32))
    return head + "".join(f"\n{block(name)}" for name in gateways)


def block(name: str) -> str:
    """The commented table of an account of that provider."""
    found = provider(name)
    lines = [f"{found.title}: {found.docs}", f"[accounts.{name}]", f'provider = "{name}"']
    lines += _settings(found.Settings)
    return "".join(f"# {line}\n" for line in lines)


def _settings(model: type[AccountSettings]) -> Iterator[str]:
    needed = getattr(model, "NEEDED_TO_SEND", ())
    for name, field in model.model_fields.items():
        if name in AccountSettings.model_fields and name not in needed:
            continue
        optional = "" if field.is_required() or name in needed else "# "
        yield f"{optional}{name} = {_placeholder(name, field)}{_about(field)}"
    yield f'webhook_secret = "{secrets.token_urlsafe(24)}"  # last part of the webhook\'s address'


def left_as_written(settings: AccountSettings) -> list[str]:
    """The settings that still hold what stands in the place of one's own."""
    return [
        name
        for name, field in type(settings).model_fields.items()
        if (made := _placeholder(name, field).strip("[]")).startswith(OWN)
        and made in _written(getattr(settings, name))
    ]


def _written(value: object) -> list[str]:
    """A setting's values, as they stand in the file."""
    values = value if isinstance(value, tuple) else [value]
    plain = [v.get_secret_value() if isinstance(v, SecretStr) else v for v in values]
    return [f'"{text}"' for text in plain]


def _about(field: FieldInfo) -> str:
    return f"  # {field.description}" if field.description else ""


def _placeholder(name: str, field: FieldInfo) -> str:
    if field.examples:
        return str(field.examples[0])
    default = field.get_default(call_default_factory=True)
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, int | float):
        return str(default)
    if isinstance(default, str) and default:
        return f'"{default}"'
    value = f'{OWN}{name.replace("_", "-")}"'
    if SecretStr.__name__ in str(field.annotation):
        value = f'{OWN}{name.replace("_", "-")}-here"'
    return f"[{value}]" if get_origin(field.annotation) is tuple else value
