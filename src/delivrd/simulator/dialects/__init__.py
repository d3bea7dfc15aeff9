"""The simulated gateways' dialects, one module each, and how to find them.

A module of this package is a dialect if it has a ``NAME``; it needs no registration. It holds
everything about its gateway, written from the vendor's pages and not from the hub's adapter:

    NAME           the name of the hub's provider that it stands behind
    ROUTES         the calls that it takes: "POST /path/{placeholder}", one or several
    Account        credentials and secrets, from ``accounts.Account``; ``signs`` where it signs
    account        (settings, webhook) -> Account: from the settings of a hub's account
    WORDS          each status word that it may push -> Meaning
    CODES          codes that say more exactly how it failed -> Meaning, which goes before a
                   failure's word; optional
    SAID           cause of ``words.CAUSES`` -> (word, code); the general causes (taken, delivered,
                   expired, undelivered, rejected, unknown) are enough, others go before them
    SAID_BY_SHAPE  shape -> causes that are told otherwise in receipts of that shape; optional
    SHAPES         the forms in which its receipts come, with their shares where the account says
                   ``mixed``; default one without a name
    RETRIES        whether a push that was not acknowledged comes again; default yes
    MOST_TRIES     how often it comes at most; default for as long as the scenario says
    TRIES_ANEW     whether each try is a call of its own, signed anew; default the same bytes
    ID_PER_PART    whether each part of a long text has an id of its own; default no
    KNOWN_BY_FIRST whether the hub knows all parts by the first one's id, which alone the answer
                   names; default no
    REFUSES_PARTS  whether one part may be refused and the others taken; default no
    NAMES_ID       whether the answer names the text's id; default yes. If not, a hub knows the text
                   by its address for receipts alone
    REFUSALS       words by which a text is refused after its call was answered: nothing is told
                   of it before, and perhaps not its id; default none
    new_id         (digest) -> id, where the call names none; default a UUID
    read           (call, account, complain) -> the texts to send; raises Refusal
    answer         (submissions, account) -> Answer; by the ``outcome`` of each: accepted, refused,
                   later (``why`` is throttled or outage)
    receipt        (push, account, now) -> Call; one that is not ``authentic`` gets no signature,
                   or a wrong one
    acknowledged   (status, body) -> whether the hub's answer to a push will do; default any 2xx

The ``word`` of a push is what the hub is to show as the provider's status, in the same spelling.
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
