"""The JSON of endpoints, deliveries and tries."""

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from delivrd.core.statement import moment
from delivrd.relay.caller import unpack
from delivrd.relay.formats import FORMATS
from delivrd.store import endpoints as stored
from delivrd.store.names import delivery_id, endpoint_id, event_id
from delivrd.store.queries import deliveries as queries
from delivrd.store.queries.endpoints import Figures
from delivrd.store.queries.views import at

HIDDEN = "***"


class Hour(msgspec.Struct):
    at: datetime
    delivered: int
    failed: int


class Day(msgspec.Struct):
    """Tries of the last 24 hours; by the hour in ``hours``, if a single endpoint is shown."""

    delivered: int
    failed: int
    success_rate: float | None
    hours: list[Hour] | UnsetType = UNSET


class Endpoint(msgspec.Struct, kw_only=True):
    """A subscriber. ``state`` is ``ok``, ``failing``, ``open`` (only probes are sent), ``paused``
    (it asked to wait) or ``disabled``; secret options are shown as ``***``. ``name`` is set for an
    endpoint from `delivrd.toml`, which can be changed only there.
    """

    id: str
    kind: str
    name: str | None
    url: str
    description: str | None
    format: str
    options: dict[str, str]
    statuses: list[str] | None
    accounts: list[str] | None
    countries: list[str] | None
    final_only: bool
    operational: bool
    ordered: bool
    rate_limit: int | None
    batch_size: int
    batch_ms: int
    enabled: bool
    state: str
    disabled_at: datetime | None
    disabled_why: str | None
    failing_since: datetime | None
    last_success_at: datetime | None
    next_probe_at: datetime | None
    old_secret_until: datetime | None
    created_at: datetime
    last_24h: Day
    waiting: int
    in_flight: int
    parked: int
    oldest_waiting_at: datetime | None
    next_try_at: datetime | None
    secret: str | UnsetType = UNSET


class Delivery(msgspec.Struct, kw_only=True):
    """One event for one endpoint. ``why`` says in words why it has not been delivered;
    ``simulated``: no handset is involved in what the event tells.
    """

    id: str
    event_id: str
    type: str | None
    endpoint_id: str
    message_id: str | None
    url: str | None
    state: str
    final: bool
    tries: int
    last_status: int | None
    why: str | None
    next_try_at: datetime | None
    batch: str | None
    created_at: datetime
    ended_at: datetime | None
    simulated: bool


class Try(msgspec.Struct, kw_only=True):
    """One call. ``connect_ms`` is null if an open connection was used."""

    number: int
    at: datetime
    status: int | None
    error: str | None
    connect_ms: float | None
    first_byte_ms: float | None
    total_ms: float | None
    request_headers: list[tuple[str, str]]
    response_headers: list[tuple[str, str]]
    response: str | None
    response_base64: str | None


class Call(msgspec.Struct, kw_only=True):
    """The call before it is signed: the same bytes in every try."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: str


class DeliveryDetail(msgspec.Struct, kw_only=True):
    """A delivery with its event, its call and its tries, the newest first."""

    delivery: Delivery
    event: dict[str, Any] | None
    request: Call | None
    tries: list[Try]


def endpoint(
    one: stored.Endpoint, figures: Figures, now: int, *, hours: bool = False,
    secret: str | UnsetType = UNSET,
) -> Endpoint:  # fmt: skip
    """The JSON of an endpoint and its calls, without secrets, except one that was just made."""
    old = [until for _, until in one.secrets if until is not None and until > now]
    return Endpoint(
        id=endpoint_id(one.id),
        kind=one.kind,
        name=one.name,
        url=one.url,
        description=one.description,
        format=one.format,
        options=options_shown(one.format, one.options or {}),
        statuses=_sorted(one.statuses),
        accounts=_sorted(one.accounts),
        countries=_sorted(one.countries),
        final_only=one.final_only,
        operational=one.operational,
        ordered=one.ordered,
        rate_limit=one.rate_limit,
        batch_size=one.batch_size,
        batch_ms=one.batch_ms,
        enabled=one.enabled,
        state=state_of(one, now),
        disabled_at=at(one.disabled_at),
        disabled_why=one.disabled_why,
        failing_since=at(one.failing_since),
        last_success_at=at(one.succeeded_at),
        next_probe_at=at(one.probe_at),
        old_secret_until=at(max(old, default=None)),
        created_at=moment(one.created_at),
        last_24h=_day(figures, hours=hours),
        waiting=figures.waiting,
        in_flight=figures.in_flight,
        parked=figures.parked,
        oldest_waiting_at=at(figures.oldest_at),
        next_try_at=at(_next_try(one, figures)),
        secret=secret,
    )


def _next_try(one: stored.Endpoint, figures: Figures) -> int | None:
    """When the next waiting delivery is tried; one that is due waits for the endpoint's breaker and
    for its Retry-After. None if nothing waits, and while the endpoint is disabled."""
    if not one.enabled or figures.next_try_at is None:
        return None
    held = one.paused_until if one.opened_at is None else one.probe_at
    return max(figures.next_try_at, held or 0)


def _sorted(values: Iterable[str] | None) -> list[str] | None:
    return None if values is None else sorted(values)


def _day(figures: Figures, *, hours: bool) -> Day:
    listed = [Hour(moment(hour.at), hour.delivered, hour.failed) for hour in figures.hours]
    rate = figures.success_rate
    return Day(figures.delivered, figures.failed, rate, listed if hours else UNSET)


def options_shown(form: str, options: Mapping[str, str]) -> dict[str, str]:
    """A format's options; secret values are masked."""
    known = FORMATS[form].OPTIONS if form in FORMATS else {}
    plain = {name for name, option in known.items() if not option.secret}
    return {name: value if name in plain else HIDDEN for name, value in options.items()}


def state_of(one: stored.Endpoint, now: int) -> str:
    """The state of an endpoint, in a word."""
    if not one.enabled:
        return "disabled"
    if one.opened_at is not None:
        return "open"
    if one.paused_until is not None and one.paused_until > now:
        return "paused"
    return "ok" if one.failing_since is None else "failing"


def delivery(one: queries.Delivery) -> Delivery:
    """The JSON of a delivery in a list."""
    waits = one.state == "waiting"
    return Delivery(
        id=delivery_id(one.id),
        event_id=event_id(one.event_id),
        type=one.type,
        endpoint_id=endpoint_id(one.endpoint_id),
        message_id=one.message_id,
        url=one.url,
        state=one.state,
        final=one.final,
        tries=one.tries,
        last_status=one.last_status,
        why=one.why,
        next_try_at=at(one.next_at) if waits else None,
        batch=None if one.batch is None else delivery_id(one.batch),
        created_at=moment(one.created_at),
        ended_at=at(one.ended_at),
        simulated=one.simulated,
    )


def detail(found: queries.Detail) -> DeliveryDetail:
    """The JSON of one delivery, with its event, call and tries."""
    one = found.delivery
    event = None
    if found.data is not None:
        event = {
            "id": event_id(one.event_id),
            "type": one.type,
            "created_at": at(found.event_at),
            "data": msgspec.json.decode(found.data),
        }
    return DeliveryDetail(
        delivery=delivery(one),
        event=event,
        request=None if found.call is None else _request(found.call),
        tries=[_try(each) for each in found.tries],
    )


def _request(packed: bytes) -> Call:
    call = unpack(packed)
    body = call.body.decode("utf-8", "backslashreplace")
    return Call(method=call.method, url=call.url, headers=list(call.headers), body=body)


def _try(one: queries.Try) -> Try:
    text, encoded = _text(one.response)
    return Try(
        number=one.number,
        at=moment(one.at),
        status=one.status,
        error=one.error,
        connect_ms=_ms(one.connect_us),
        first_byte_ms=_ms(one.first_byte_us),
        total_ms=_ms(one.total_us),
        request_headers=_headers(one.request_headers),
        response_headers=_headers(one.response_headers),
        response=text,
        response_base64=encoded,
    )


def _ms(micros: int | None) -> float | None:
    return None if micros is None else micros / 1000


def _headers(kept: bytes | None) -> list[tuple[str, str]]:
    return [] if kept is None else msgspec.json.decode(kept, type=list[tuple[str, str]])


def _text(body: bytes | None) -> tuple[str | None, str | None]:
    """The bytes as text if they are UTF-8, else in base64."""
    if body is None:
        return None, None
    try:
        return bytes(body).decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(body).decode()
