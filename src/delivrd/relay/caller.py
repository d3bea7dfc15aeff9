"""One try of a claimed delivery: render it, sign it, make the call, and judge the answer."""

import random
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from delivrd.relay import formats
from delivrd.relay.call import Call, Target
from delivrd.relay.client import Answered, RelayClient
from delivrd.relay.event import Event
from delivrd.relay.formats import Unfit
from delivrd.relay.outcome import judge
from delivrd.relay.rounds import ClaimedCall
from delivrd.store.deliveries import Due
from delivrd.store.names import event_id
from delivrd.store.tries import Result

_pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(Call).decode
"""Decodes a delivery's stored call."""

_headers = msgspec.json.Encoder().encode
_data = msgspec.json.Decoder(dict).decode
MIN_MASKED = 8
"""Shorter option values are not masked: they would be found in unrelated parts of headers."""


class Caller:
    """Makes claimed calls. An endpoint's failures are results, never exceptions."""

    def __init__(
        self, client: RelayClient, clock: Callable[[], int], callback_secret: str | None = None,
        luck: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self._client, self._clock, self._luck = client, clock, luck
        self._callback_secrets = (callback_secret,) if callback_secret else ()

    async def make(self, taken: ClaimedCall) -> Result:
        """Makes one call; returns the result for its delivery."""
        lead, at = taken.dues[0], self._clock()
        target = self._target(taken, at)
        call = None
        try:
            call = self._rendered(taken, target, at)
            signed = formats.sign(call, target, at) if self._is_signed(taken, target) else call
        except Unfit as error:
            return self._result(taken, state="skipped", why=str(error))
        except Exception as error:  # a bug in the format: shown as a failed try, and retried
            answered = Answered(0, error=f"the call could not be made up: {error!r}"[:300])
            return self._judged(taken, at, call, answered)
        answered = await self._client.call(signed)
        result = self._judged(taken, at, call, answered)
        result.request_headers = _headers(masked(signed.headers, target))
        result.url = lead.url
        return result

    def _target(self, taken: ClaimedCall, now: int) -> Target:
        endpoint, url = taken.endpoint, taken.dues[0].url
        callback = endpoint.kind == "callback"
        secrets = self._callback_secrets if callback else endpoint.secrets_at(now)
        return Target(url or endpoint.url, endpoint.format, secrets, endpoint.options or {})

    def _is_signed(self, taken: ClaimedCall, target: Target) -> bool:
        """Whether the call is signed: all but callback_urls while `[relay] secret` is not set."""
        return bool(target.secrets) or taken.endpoint.kind != "callback"

    def _rendered(self, taken: ClaimedCall, target: Target, now: int) -> Call:
        """The stored call, byte for byte, unless the endpoint was changed since."""
        lead = taken.dues[0]
        if lead.call is not None and lead.revision == taken.endpoint.revision:
            return unpack(lead.call)
        dues = sorted(taken.dues, key=lambda due: due.event_id)
        return formats.render([_event(due) for due in dues], target, now)

    def _judged(self, taken: ClaimedCall, at: int, call: Call | None, answered: Answered) -> Result:
        outcome = judge(answered, taken.dues[0].failed, self._clock(), self._luck)
        return replace(
            self._result(taken, state=outcome.state, why=outcome.why),
            next_at=outcome.next_at,
            retry_after=outcome.retry_after,
            gone=outcome.gone,
            call=None if call is None else _pack(call),
            revision=taken.endpoint.revision,
            at=at,
            connect_us=answered.connect_us,
            first_byte_us=answered.first_byte_us,
            total_us=answered.total_us,
            status=answered.status,
            error=None if outcome.state == "delivered" else answered.error or outcome.why,
            response_headers=_headers(answered.headers) if answered.headers else None,
            response=answered.body or None,
        )

    def _result(self, taken: ClaimedCall, *, state: str, why: str | None) -> Result:
        lead = taken.dues[0]
        return Result(
            delivery_id=lead.id,
            endpoint_id=taken.endpoint.id,
            message_ids=[due.message_id for due in taken.dues],
            batch=lead.batch is not None,
            ordered=lead.ordered,
            number=lead.tries,
            state=state,  # type: ignore[arg-type]
            why=why,
            call=lead.call,
            revision=lead.revision,
        )


def _event(due: Due) -> Event:
    if due.data is None:
        raise Unfit("the event is no longer on record")
    data = _data(due.data)
    return Event(event_id(due.event_id), due.type or "", due.created_at or 0, data, due.data)


def masked(headers: Sequence[tuple[str, str]], target: Target) -> list[tuple[str, str]]:
    """Headers as they may be stored: with secrets masked."""
    hidden = [*target.secrets, *(v for v in target.options.values() if len(v) >= MIN_MASKED)]

    def plain(name: str, value: str) -> str:
        if name.lower() in ("authorization", "cookie", "proxy-authorization"):
            return "***"
        for secret in hidden:
            value = value.replace(secret, "***")
        return value

    return [(name, plain(name, value)) for name, value in headers]
