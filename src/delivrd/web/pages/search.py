"""The search box: finds messages by id, provider's id, reference, number or its last digits."""

import re

from delivrd.core.phone import InvalidNumber, normalize
from delivrd.insight.statistics import delivery_stats
from delivrd.store.accounts import Accounts
from delivrd.store.names import number_of as row_number
from delivrd.store.queries.filters import Filters as Counted
from delivrd.store.queries.messages import Filters, find_message, list_messages
from delivrd.store.queries.receipts import list_receipts
from delivrd.store.queries.requests import find_request
from delivrd.store.tx import Tx
from delivrd.web.pages.links import address

COUNTRIES = 30
"""How many countries, those with the most messages, are tried for a number without its code."""

LAST_DIGITS = re.compile(r"\d{4,9}")
"""The end of a number, as people tell it. It is looked for among the newest messages."""

_DIALLED = re.compile(r"[\d\s()./-]{5,30}")


async def find_page(tx: Tx, accounts: Accounts, q: str) -> str | None:
    """The page of an id of ours or a gateway's, or of a reference; None if it is unknown.

    It is tried as written, in upper and in lower case. For a receipt without a message it is the
    page of its request, and for a request's own id its page.
    """
    one = await find_message(tx, accounts, q.lower())
    if one is not None:
        return f"/messages/{one.id}"
    for written in dict.fromkeys((q, q.upper(), q.lower())):
        if page := await _page_of(tx, accounts, written):
            return page
    request_id = row_number(q)
    if request_id is not None and await find_request(tx, accounts, request_id):
        return f"/requests/{request_id}"
    return None


async def _page_of(tx: Tx, accounts: Accounts, q: str) -> str | None:
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
    return None


async def numbers_like(tx: Tx, accounts: Accounts, q: str, region: str | None) -> list[str]:
    """The numbers in E.164 that ``q`` may mean: those that have messages, if any has.

    Without a plus it is read with its country code, and as a national number of each country with
    messages.
    """
    plain = number_of(q, region)
    could = {plain}
    if dialled(q):
        by_country = (await delivery_stats(tx, accounts, ("country",), Counted()))["items"]
        known = [item["country"] for item in by_country[:COUNTRIES] if item["country"]]
        could |= {number_of(q, country) for country in known}
    found = [
        number
        for number in sorted(filter(None, could))
        if (await list_messages(tx, accounts, Filters(to=number), limit=1)).items
    ]
    if not found and LAST_DIGITS.fullmatch(q):
        newest = await list_messages(tx, accounts, Filters(to_ends=q), limit=COUNTRIES)
        found = sorted({message.to for message in newest.items if message.to})
    return found or ([plain] if plain else [])


def dialled(q: str) -> bool:
    """Whether it could be a number without its country code."""
    return _DIALLED.fullmatch(q) is not None


def number_of(text: str, region: str | None) -> str | None:
    """The number in E.164, None if it is not valid; bare digits begin with the country code."""
    for written in (text, f"+{text}"):
        try:
            return normalize(written, region).e164
        except InvalidNumber:
            continue
    return None
