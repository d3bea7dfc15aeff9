"""The search box: from whatever somebody has in the clipboard to what became of it."""

import re

from delivrd.core.phone import InvalidNumber, normalize
from delivrd.insight.statistics import delivery_stats
from delivrd.store.accounts import Accounts
from delivrd.store.queries.filters import Filters as Counted
from delivrd.store.queries.messages import Filters, find_message, list_messages
from delivrd.store.queries.receipts import list_receipts
from delivrd.store.tx import Tx
from delivrd.web.pages.links import address

COUNTRIES = 30
"""Those with the most messages, in which a number without its country code is looked for."""

_DIALLED = re.compile(r"[\d\s()./-]{5,30}")


async def find_page(tx: Tx, accounts: Accounts, q: str, region: str | None) -> str | None:
    """The page of what is searched; None when it is not known, nor a number.

    It may be our id, the gateway's, a reference or a number with its country code. A receipt that
    no message goes by leads to the request that brought it.
    """
    one = await find_message(tx, accounts, q.lower())
    if one is not None:
        return f"/messages/{one.id}"
    for name, filters in (
        ("provider_message_id", Filters(provider_message_id=q)),
        ("reference", Filters(reference=q)),
    ):
        found = (await list_messages(tx, accounts, filters, limit=2)).items
        if found:
            more = len(found) > 1
            return address("/messages", {name: q}) if more else f"/messages/{found[0].id}"
    receipts = (await list_receipts(tx, accounts, provider_message_id=q, limit=1)).items
    if receipts and receipts[0].requests:
        return f"/requests/{receipts[0].requests[0]}"
    number = number_of(q, region)
    return address("/messages", {"to": number}) if number else None


async def numbers_like(tx: Tx, accounts: Accounts, q: str) -> list[str]:
    """The numbers with messages that are written so at home, in the countries that are sent to."""
    if not dialled(q):
        return []
    told = (await delivery_stats(tx, accounts, ("country",), Counted()))["items"]
    could = {number_of(q, item["country"]) for item in told[:COUNTRIES] if item["country"]}
    return [
        number
        for number in sorted(filter(None, could))
        if (await list_messages(tx, accounts, Filters(to=number), limit=1)).items
    ]


def dialled(q: str) -> bool:
    """Whether it could be a number without its country code."""
    return _DIALLED.fullmatch(q) is not None


def number_of(text: str, region: str | None) -> str | None:
    """The number in E.164 that somebody wrote; bare digits are taken with their country code."""
    for written in (text, f"+{text}"):
        try:
            return normalize(written, region).e164
        except InvalidNumber:
            continue
    return None
