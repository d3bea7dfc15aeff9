"""How events are written for endpoints: delivrd's own format, and gateways' dialects.

An application that receives one of these gateways' receipts can receive delivrd's events without
changes. The dialects are written from the vendors' pages, not from the adapters; in the tests the
adapters read them back.
"""

from collections.abc import Mapping, Sequence

from delivrd.relay.call import Call, Target
from delivrd.relay.event import Event
from delivrd.relay.formats import kannel, own, ruach, smspm, twilio, vonage
from delivrd.relay.formats.base import Format, Option, Unfit
from delivrd.relay.formats.check import verify  # first: the module must not hide check() below
from delivrd.relay.formats.sample import sample

__all__ = ["FORMATS", "Format", "Option", "Unfit", "check", "render", "sample", "sign", "verify"]

_MODULES: tuple[Format, ...] = (own, vonage, smspm, ruach, twilio, kannel)
FORMATS: Mapping[str, Format] = {name: module for module in _MODULES for name in module.NAMES}


def render(events: Sequence[Event], target: Target, now: int) -> Call:
    """The unsigned call for these events; it is the same at any ``now``.

    Several events are allowed only if the format has ``BATCHES``.

    Raises:
        Unfit: the format cannot express this event; a retry would not help.
    """
    return FORMATS[target.format].render(events, target)


def sign(call: Call, target: Target, now: int) -> Call:
    """The call signed as of ``now`` (microseconds since 1970), if the format signs.

    Raises:
        ValueError: a secret is malformed; :func:`check` finds that before.
    """
    return FORMATS[target.format].sign(call, target, now)


def check(target: Target) -> None:
    """Checks the format, options, URL and secrets of a new endpoint.

    Raises:
        Unfit: there is no such format or option, or the URL or a secret does not fit the format.
    """
    form = FORMATS.get(target.format)
    if form is None:
        raise Unfit(f"there is no format {target.format!r}: it is one of {', '.join(FORMATS)}")
    for name, value in target.options.items():
        _check_option(form, target.format, name, value)
    event = sample(0)
    try:
        form.sign(form.render([event], target), target, event.created_at)
    except ValueError as error:
        raise Unfit(str(error)) from None


def _check_option(form: Format, name: str, option: str, value: str) -> None:
    known = form.OPTIONS.get(option)
    if known is None:
        listed = f"it has {', '.join(form.OPTIONS)}" if form.OPTIONS else "it has none"
        raise Unfit(f"the format {name} has no option {option!r}: {listed}")
    if known.choices and value not in known.choices:
        raise Unfit(f"{option} is one of {', '.join(known.choices)}")
