"""From the providers' tables: descriptions of codes, the vendor's page, the set-up steps."""

from delivrd.providers import UnknownProvider, provider
from delivrd.providers.base import Provider
from delivrd.providers.reading import meant


def known(name: str | None) -> Provider | None:
    """The provider with that name; None if it is not installed."""
    try:
        return provider(name or "")
    except UnknownProvider:
        return None


def meaning(name: str | None, code: str | None, *, of_send: bool = False) -> str:
    """The provider's own words for its code, in a receipt or in the answer to a send."""
    found = known(name)
    if found is None or code is None:
        return ""
    entry = meant(found.send_errors if of_send else found.errors, code)
    return entry.words if entry else ""


def docs(name: str | None) -> str:
    """The vendor's page that the tables come from."""
    found = known(name)
    return found.docs if found else ""


def steps(name: str) -> list[list[tuple[str, bool]]]:
    """The set-up steps, each as pieces of text with whether they are code."""
    found = known(name)
    return [
        [(piece, bool(position % 2)) for position, piece in enumerate(step.split("`")) if piece]
        for step in (found.set_up if found else ())
    ]
