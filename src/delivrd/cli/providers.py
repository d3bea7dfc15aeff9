"""`delivrd providers`: the gateways' dialects and their tables."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from delivrd.cli import scaffolding
from delivrd.cli.output import (
    USAGE,
    Column,
    Failure,
    JsonOption,
    on_terminal,
    print_fields,
    print_json,
    print_table,
)
from delivrd.core.statement import Status
from delivrd.providers import UnknownProvider, names, provider
from delivrd.providers.base import AccountSettings, Code, Provider, Word, refine

app = typer.Typer(rich_markup_mode=None)

app.command("new")(scaffolding.command)

Rows = list[dict[str, Any]]


def find(name: str) -> Provider:
    """The provider of that name.

    Raises:
        Failure: there is none; exit code 2.
    """
    try:
        return provider(name)
    except UnknownProvider as error:
        raise Failure(f"there is no provider {name!r}", next=error.hint, code=USAGE) from None


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the dialects that this hub speaks.

    \b
    delivrd providers list --json
    """
    rows = [_summary(provider(name)) for name in names()]
    if as_json:
        print_json(rows)
        return
    columns = ("name", "title", "sends", "signs", "looks up", "docs")
    print_table(rows, [Column(name, name.replace(" ", "_")) for name in columns])


def _summary(found: Provider) -> dict[str, Any]:
    return {
        "name": found.name,
        "title": found.title,
        "sends": found.send is not None,
        "signs": found.signs,
        "looks_up": found.look_up is not None,
        "calls_back": found.calls_back,
        "checked": found.checked,
        "docs": found.docs,
    }


@app.command()
def show(name: str, as_json: JsonOption = False) -> None:
    """Show one dialect: set-up, settings, fields, and what its words and codes mean.

    Example: delivrd providers show twilio
    """
    found = find(name)
    tables = {
        "set_up": [{"step": n, "do": step} for n, step in enumerate(found.set_up, 1)],
        "settings": list(_settings(found.Settings)),
        "fields": [{"field": field, "about": about} for field, about in found.fields.items()],
        "statuses": _statuses(found),
        "errors": _codes(found.errors),
        "send_errors": _codes(found.send_errors),
    }
    if as_json:
        print_json({**_summary(found), **tables})
        return
    print_fields(_summary(found).items())
    for title, rows in tables.items():
        if rows:
            words = _TITLES[title]
            typer.echo(f"\n{words}" if on_terminal() else f"\n# {words}")
            print_table(rows, [Column(key, key) for key in rows[0]])


_TITLES = {
    "set_up": "Set-up",
    "settings": "Settings",
    "fields": "Fields of a receipt",
    "statuses": "Status words",
    "errors": "Codes in receipts",
    "send_errors": "Codes in answers to a send",
}


def _settings(model: type[AccountSettings]) -> Iterator[dict[str, Any]]:
    needed = getattr(model, "NEEDED_TO_SEND", ())
    own_first = sorted(model.model_fields, key=lambda name: name in AccountSettings.model_fields)
    for name in own_first:
        field = model.model_fields[name]
        yield {
            "name": name,
            "needed": "always" if field.is_required() else "to send" if name in needed else "",
            "secret": "SecretStr" in str(field.annotation),
            "about": field.description or "",
        }


def _statuses(found: Provider) -> Rows:
    return [
        {"word": word, "status": str(meaning.status), "final": meaning.final}
        for word, meaning in found.statuses.items()
    ]


def _codes(codes: Mapping[str, Code]) -> Rows:
    return [
        {
            "code": code,
            "reason": _text(meaning.reason),
            "status": _text(meaning.status),
            "permanent": _permanent(meaning),
            "words": meaning.words,
        }
        for code, meaning in codes.items()
    ]


def _permanent(code: Code) -> bool | None:
    """As a receipt of a failure with this code has it; None if the code does not tell."""
    if code.permanent is None and code.reason is None:
        return None
    return refine(Word(Status.UNDELIVERED, True), code)[2]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
