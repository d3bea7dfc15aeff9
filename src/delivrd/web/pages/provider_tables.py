"""From the providers' tables: descriptions of codes, the vendor's page, the set-up steps."""

import re

from delivrd.providers import UnknownProvider, provider
from delivrd.providers.base import Provider
from delivrd.providers.reading import meaning_of, meant


def known(name: str | None) -> Provider | None:
    """The provider with that name; None if it is not installed."""
    try:
        return provider(name or "")
    except UnknownProvider:
        return None


def meaning(
    name: str | None, code: str | None, reason: str | None = None, *, of_send: bool = False
) -> str:
    """The provider's own words for its code, in a receipt with that reason or in the answer to a
    send.
    """
    found = known(name)
    if found is None or code is None:
        return ""
    entry = meant(found.send_errors, code) if of_send else meaning_of(found, code, reason)
    return entry.words if entry else ""


def docs(name: str | None) -> str:
    """The vendor's page that the tables come from."""
    found = known(name)
    return found.docs if found else ""


_NAMED = re.compile(r"(\[accounts\.|/webhooks/|--via |--account )[\w-]+")
_VARIABLE = re.compile(r"(?<=DELIVRD_ACCOUNTS__)[A-Z0-9]+(?=__)")
_HOST = "https://YOUR-HOST"


def steps(name: str, account: str, public_url: str | None) -> list[list[tuple[str, bool]]]:
    """The set-up steps of an account, each as pieces of text with whether they are code.

    They name the account and, where it is known, the address of the hub.
    """
    found = known(name)
    return [
        [
            (_own(piece, account, public_url) if position % 2 else piece, bool(position % 2))
            for position, piece in enumerate(step.split("`"))
            if piece
        ]
        for step in (found.set_up if found else ())
    ]


def _own(code: str, account: str, public_url: str | None) -> str:
    code = _VARIABLE.sub(account.upper().replace("-", "_"), _NAMED.sub(rf"\g<1>{account}", code))
    return code.replace(_HOST, (public_url or _HOST).rstrip("/"))
