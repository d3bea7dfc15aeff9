"""From a request's fields to a reading: the steps that all dialects share."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import tzinfo
from typing import Any, TypeVar

from delivrd.core import times
from delivrd.core.statement import Fault, Reading, Receipt, Status, says_something
from delivrd.core.text import short
from delivrd.providers import fields as f
from delivrd.providers.base import (
    AccountSettings,
    Code,
    Provider,
    Request,
    Unreadable,
    Word,
    refine,
)

T = TypeVar("T")

UNKNOWN_WORD = Word(Status.UNKNOWN, False)
PROBE = Reading(kind="probe")

_RAW = 2000  # characters of a faulty item that are kept; the whole is in the stored request


def read_each(
    request: Request,
    read_one: Callable[[f.Fields], Receipt],
    other: Callable[[f.Fields], str | None] = lambda fields: None,
    items: Callable[[f.Fields], list[Any] | None] = lambda fields: None,
) -> Reading:
    """The reading of a request that holds one receipt, or an array of them.

    A bad item of an array becomes a fault and does not affect the others. ``other`` gives the kind
    of a request or an item that is not a receipt: such items are left out, and a request without
    receipts is of that kind. ``items`` finds the array if the dialect puts it into an envelope.

    Raises:
        Unreadable: there is only one item, and it cannot be read.
    """
    return read_told(f.of(request), read_one, other, items)


def read_told(
    told: f.Fields | list[Any] | None,
    read_one: Callable[[f.Fields], Receipt],
    other: Callable[[f.Fields], str | None] = lambda fields: None,
    items: Callable[[f.Fields], list[Any] | None] = lambda fields: None,
) -> Reading:
    """As :func:`read_each`, of fields that the dialect has unpacked itself."""
    if told is None:
        return PROBE
    if isinstance(told, list):
        return _batch(told, read_one, other)
    kind = other(told)
    if kind is not None:
        return Reading(kind=kind)
    found = items(told)
    if found is not None:
        return _batch(found, read_one, other)
    return Reading(receipts=(_guarded(read_one, told),))


def _batch(
    items: list[Any],
    read_one: Callable[[f.Fields], Receipt],
    other: Callable[[f.Fields], str | None] = lambda fields: None,
) -> Reading:
    receipts, faults, kinds = [], [], []
    for position, item in enumerate(items):
        try:
            kind = _guarded(other, item)
            if kind is None:
                receipts.append(_guarded(read_one, item))
            else:
                kinds.append(kind)
        except Unreadable as error:
            faults.append(Fault(position=position, why=str(error), raw=_raw(item)))
    if kinds and not receipts and not faults:
        return Reading(kind=kinds[0])
    return Reading(receipts=tuple(receipts), faults=tuple(faults))


def _guarded(read: Callable[[f.Fields], T], item: Any) -> T:
    if not isinstance(item, dict):
        raise Unreadable("it is not an object")
    try:
        return read(item)
    except Unreadable:
        raise
    except Exception as error:  # our own error, which must not affect the other items
        raise Unreadable(f"{type(error).__name__}: {short(str(error), 200)}") from error


def _raw(item: Any) -> str:
    try:
        return short(json.dumps(item, ensure_ascii=False), _RAW)
    except RecursionError:
        return "(nested too deeply)"


def zone(settings: AccountSettings | None, usual: str | None = None) -> tzinfo:
    """The zone of times that state none: the account's, else the gateway's usual one, else UTC."""
    return times.zone((settings.time_zone if settings else None) or usual)


def receipt(
    statuses: Mapping[str, Word],
    errors: Mapping[str, Code],
    *,
    provider_message_id: str | None,
    provider_status: str | None,
    error_code: str | None = None,
    pair: Word | None = None,
    permanent: bool | None = None,
    **told: Any,
) -> Receipt:
    """A receipt whose status, reason and permanence follow from the provider's tables.

    An unknown word is ``unknown`` and not final; it is marked ``unmapped``, as is a code that the
    provider's table lacks (if it has one; only zeros mean that there is no code). ``pair`` is the
    meaning of word and code together, if the provider's table has one. ``permanent`` is the
    provider's own flag, which counts more than the table where the receipt tells of a failure.
    """
    found = pair or word(statuses, provider_status)
    code = None if error_code is None else errors.get(error_code) or meant(errors, error_code)
    meaning, reason, implied = refine(found or UNKNOWN_WORD, code)
    flagged = permanent is not None and implied is not None
    return Receipt(
        provider_message_id=provider_message_id,
        status=meaning.status,
        final=meaning.final,
        provider_status=provider_status,
        error_code=error_code,
        reason=reason,
        permanent=permanent if flagged else implied,
        flagged=flagged,
        unmapped=found is None or (code is None and bool(errors) and says_something(error_code)),
        **told,
    )


def held(kinds: Iterable[tuple[str, Word]], said: str | None) -> Word | None:
    """What the first of these parts that a text holds means, in any case; None if it holds none."""
    text = (said or "").upper()
    return next((meaning for part, meaning in kinds if part.upper() in text), None)


def meant(errors: Mapping[str, Code], said: str) -> Code | None:
    """The meaning of a code, upper or lower case; None if it is in no table."""
    found = errors.get(said)
    if found is not None or not errors or said.isdigit():
        return found
    return next((code for name, code in errors.items() if name.lower() == said.lower()), None)


def meaning_of(provider: Provider, code: str, reason: str | None) -> Code | None:
    """What the code in a receipt with that reason means, as the table or the gateway writes it."""
    as_written = provider.meaning_of_code
    return meant(provider.errors, code) or (as_written(code, reason) if as_written else None)


def word(statuses: Mapping[str, Word], said: str | None) -> Word | None:
    """The meaning of a status word, upper or lower case; None if it is in no table."""
    if said is None:
        return None
    found = statuses.get(said) or statuses.get(said.lower()) or statuses.get(said.upper())
    return found or next((m for w, m in statuses.items() if w.lower() == said.lower()), None)
