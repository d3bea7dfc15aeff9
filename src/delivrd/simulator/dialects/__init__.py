"""The simulated gateways' dialects, one module each, and how to find them.

A module of this package is a dialect if it has a ``NAME``; it needs no registration. It holds
everything about its gateway, written from the vendor's pages and not from the hub's adapter. All
names but NAME, ROUTES, WORDS, REPORTED_AS, account, read, answer and receipt are optional:

    NAME           the name of the hub's provider that it simulates
    ROUTES         the calls that it accepts: "POST /path/{placeholder}", one or several
    Account        credentials and secrets, a subclass of ``accounts.Account``; ``signs`` is true
                   if it signs receipts
    account        (settings, webhook) -> Account: from the settings of a hub's account
    WORDS          each status word that it may push -> Meaning
    CODES          error code -> Meaning, which replaces the meaning of a failure's word
    REPORTED_AS    cause of ``words.CAUSES`` -> (word, code) of its receipt; a cause without an
                   entry is reported as its general cause (taken, delivered, expired, undelivered,
                   rejected or unknown)
    REPORTED_AS_BY_SHAPE  shape -> the entries of REPORTED_AS that differ in receipts of that shape
    SHAPES         the forms of its receipts -> their shares in ``mixed``; default: one without a
                   name
    RETRIES        whether a push that was not acknowledged is retried; default: yes
    MAX_TRIES      the most tries of a push; default: as many as the scenario's ``retry_for`` allows
    REBUILDS_RETRIES  whether each try is built and signed anew; default: all have the same bytes
    ID_PER_PART    whether each part of a long text has its own id; default: no
    FIRST_ID_ONLY  whether the answer contains only the first part's id, to which the receipts of
                   the others refer; default: no
    REFUSES_PARTS  whether one part may be refused and the others accepted; default: no
    RETURNS_ID     whether the answer contains the text's id; default: yes. If not, a hub recognizes
                   the text by the URL for its receipts alone
    REFUSALS       words by which a text is refused after its call was answered: no receipt precedes
                   them, and they may lack the id; default: none
    new_id         (digest) -> id, for calls that do not set one; default: a UUID
    read           (call, account, complain) -> the texts to send; raises Refusal
    answer         (submissions) -> Answer, by the ``outcome`` of each: accepted, refused,
                   later (``why`` is throttled or outage)
    receipt        (push, account, now) -> Call; one that is not ``authentic`` gets no signature,
                   or a wrong one
    acknowledged   (status, body) -> whether the hub's answer acknowledges a push; default: any 2xx

The ``word`` of a push is what the hub must show as the provider's status, in the same spelling.
"""

from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from delivrd.simulator.accounts import Account
from delivrd.simulator.dialect import Dialect
from delivrd.simulator.traffic import DEMO


def dialect(name: str) -> Dialect:
    """The dialect of that name.

    Raises:
        LookupError: there is none; the text lists the names that exist.
    """
    found = _all().get(name)
    if found is None:
        raise LookupError(f"no gateway simulates {name!r}; there are: {', '.join(names())}")
    return found


def names() -> list[str]:
    """The names of all dialects, sorted."""
    return sorted(_all())


def blank_accounts(names: Iterable[str] = DEMO) -> dict[str, Account]:
    """An account of each of these dialects, without credentials, so that any are accepted."""
    return {name: dialect(name).Account() for name in names}


@lru_cache(maxsize=1)
def _all() -> dict[str, Dialect]:
    modules: list[Any] = [
        import_module(f"{__name__}.{found.name}")
        for found in iter_modules(__path__)
        if not found.name.startswith("_")
    ]
    return {module.NAME: Dialect(module) for module in modules if hasattr(module, "NAME")}
