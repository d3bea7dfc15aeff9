"""Checks of an endpoint's fields, for the API, the pages and the settings."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from delivrd.config import Relay
from delivrd.core.addresses import BadUrl, check_url
from delivrd.core.hints import nearest
from delivrd.core.phone import InvalidCountry, checked_country
from delivrd.relay import formats
from delivrd.relay.call import Target
from delivrd.relay.formats import FORMATS, Unfit
from delivrd.relay.formats.own import BATCH
from delivrd.store import endpoints
from delivrd.store.endpoints import Endpoint
from delivrd.store.fan_out import origin

FIELDS = (
    "description", "statuses", "accounts", "countries", "final_only", "ordered", "operational",
    "rate_limit", "batch_size", "batch_ms", "url", "format", "options",
)  # fmt: skip
"""The fields of an endpoint that can be set."""


class InvalidField(Exception):
    """A field of an endpoint is not acceptable: which, why, and what to do instead."""

    def __init__(self, field: str, why: str, hint: str) -> None:
        super().__init__(field, why, hint)
        self.field, self.why, self.hint = field, why, hint


def checked_changes(
    relay: Relay, accounts: Collection[str], known: Endpoint, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields that these changes set, checked.

    Raises:
        InvalidField: with them the endpoint could not be called.
    """
    before = {name: getattr(known, name) for name in FIELDS}
    options = {} if changes.get("format", known.format) != known.format else known.options or {}
    if changes.get("batch_size") == 1 < known.batch_size:
        options = {name: value for name, value in options.items() if name != BATCH}
    options = {**options, **changes.get("options", {})}
    kept = {name: value for name, value in options.items() if value is not None}
    after = checked(relay, accounts, {**before, **changes, "options": kept})
    return {name: value for name, value in after.items() if value != getattr(known, name)}


def checked(relay: Relay, accounts: Collection[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of a new endpoint, checked.

    Raises:
        InvalidField: about the first field that is not acceptable.
    """
    fields = dict(given)
    _check_accounts(accounts, sorted(fields["accounts"] or ()))
    _check_countries(sorted(fields["countries"] or ()))
    _check_url(relay, fields["url"])
    _check_format(fields["format"])
    fields["options"] = _options(fields)
    _check_options(fields["url"], fields["format"], fields["options"])
    for name in ("statuses", "accounts", "countries"):
        fields[name] = None if fields[name] is None else frozenset(map(str, fields[name]))
    return {**fields, "origin": origin(fields["url"])}


def _check_accounts(known: Collection[str], names: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            there = f"Accounts: {', '.join(sorted(known)) or 'none'}."
            hint = f"{nearest(name, known)} {there}".strip()
            raise InvalidField("accounts", f"there is no account {name[:50]!r}", hint)


def _check_countries(codes: Iterable[str]) -> None:
    try:
        for code in codes:
            checked_country(code)
    except InvalidCountry as error:
        raise InvalidField("countries", str(error), error.hint) from None


def _check_url(relay: Relay, url: str) -> None:
    try:
        check_url(url, allow_http=relay.allow_http, allow_networks=relay.allow_networks)
    except BadUrl as error:
        raise InvalidField("url", str(error), error.hint) from None


def _check_format(name: str) -> None:
    if name not in FORMATS:
        known = f"Formats: {', '.join(FORMATS)}."
        close = f"{nearest(name, FORMATS)} {known}".strip()
        raise InvalidField("format", f"there is no format {name[:50]!r}", close)


def _options(fields: Mapping[str, Any]) -> dict[str, str]:
    """The options of the format; an endpoint with batches always gets an array."""
    form, options = FORMATS[fields["format"]], dict(fields["options"])
    for name in options:
        if name not in form.OPTIONS:
            known = f"It has {', '.join(form.OPTIONS)}." if form.OPTIONS else "It has none."
            hint = f"{nearest(name, form.OPTIONS)} {known}".strip()
            why = f"the format {fields['format']} has no option {name[:50]!r}"
            raise InvalidField("options", why, hint)
    if fields["batch_size"] > 1:
        if not form.BATCHES:
            able = ", ".join(name for name, each in FORMATS.items() if each.BATCHES)
            why = f"the format {fields['format']} sends one event a call"
            raise InvalidField("batch_size", why, f"Leave it out, or use the format {able}.")
        options[BATCH] = "true"
    return options


def _check_options(url: str, form: str, options: Mapping[str, str]) -> None:
    """Checks that the format can write an event with these options."""
    target = Target(url, form, (endpoints.new_secret(),), options)
    try:
        formats.check(target)
    except Unfit as error:
        hint = f"docs/webhooks.md describes the format {form}."
        if known := ", ".join(f"{n} ({o.label})" for n, o in FORMATS[form].OPTIONS.items()):
            hint = f"{hint} Options: {known}."
        raise InvalidField("options" if options else "url", str(error), hint) from None
