"""``/v1/messages``: send, register, list, show, wait."""

import json
import uuid as uuids
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Response
from msgspec.structs import replace
from pydantic import AfterValidator, Field, JsonValue, field_validator
from pydantic_core import PydanticCustomError

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.core.status import State
from delivrd.sending.register import SentElsewhere, register
from delivrd.sending.submit import Order, submit
from delivrd.store.keys import Scope
from delivrd.store.queries import messages as queries
from delivrd.store.queries.views import Message
from delivrd.web.api.common import (
    Body,
    ListParams,
    Params,
    Sender,
    SpanParams,
    Word,
    answer,
    as_stored,
    before,
    check_account,
    list_of,
    micros_or_none,
    page,
    ref,
    responses,
    two_letters,
)
from delivrd.web.auth import Caller, needs
from delivrd.web.context import Context
from delivrd.web.problems import not_found

MAX_WAIT = 300.0
ID_HINT = "Ids look like 0199a2b4-…; a provider's id goes into ?provider_message_id=."


Account = Annotated[str, Field(max_length=100)]
"""The name of an account; with a limit, pydantic also refuses lone surrogates."""


class NewMessage(Body):
    """A text to one recipient."""

    to: str = Field(max_length=64, description="The recipient's number, like +12015555522.")
    sender: str = Field(
        alias="from",
        max_length=64,
        description="A number, or a name of at most 11 letters and digits: no handset shows a "
        "longer one, and most gateways refuse it. Or what the gateway calls a set of senders by.",
    )
    text: str = Field(max_length=10_000)
    via: list[Account] | None = Field(
        None, max_length=20, description="The account to send through."
    )
    reference: str | None = Field(None, max_length=1000, description="Your own id.")
    metadata: dict[str, JsonValue] | None = Field(None, description="Kept and given back.")
    callback_url: str | None = Field(None, max_length=2000)
    deadline_seconds: int | None = Field(None, description="Not handed over afterwards.")
    max_attempts: int | None = None

    @field_validator("metadata")
    @classmethod
    def _plain(cls, value: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
        try:
            msgspec.json.encode(value)
            json.dumps(value, allow_nan=False)
        except (ValueError, OverflowError, RecursionError):
            raise ValueError("holds a value that JSON cannot carry everywhere") from None
        return value

    def order(self) -> Order:
        return Order(
            to=self.to,
            sender=self.sender,
            text=self.text,
            via=tuple(self.via or ()),
            reference=self.reference,
            metadata=self.metadata,
            callback_url=self.callback_url,
            deadline_seconds=self.deadline_seconds,
            max_attempts=self.max_attempts,
        )

    def digest(self) -> bytes:
        """A digest that is equal for bodies with the same meaning (rule E2)."""
        given = self.model_dump(exclude_defaults=True)
        return sha256(msgspec.json.encode(given, order="sorted")).digest()


class SentMessage(Body):
    """A message that another program sent."""

    account: Account
    provider_message_ids: list[str] = Field(max_length=1000)
    to: str = Field(max_length=64)
    sender: str | None = Field(None, alias="from", max_length=64)
    text: str | None = Field(None, max_length=10_000)
    sent_at: datetime | None = Field(None, strict=False)
    reference: str | None = Field(None, max_length=1000)

    @field_validator("text", "sender", "reference")
    @classmethod
    def _printable(cls, value: str | None) -> str | None:
        if value is not None and "\0" in value:
            raise ValueError("must not hold NUL")
        return value


REGISTERED_SECONDS = 0.1
"""How long an answer to a registration waits for receipts that came before it; in a backlog, other
programs register thousands meanwhile."""

OUTCOMES = (*(status.value for status in Status), queries.FAILED, queries.ENDED)
CAUSES = (*(reason.value for reason in Reason), queries.NONE)


def one_of(words: Sequence[str]) -> AfterValidator:
    """Accepts only these texts."""

    def known(text: str) -> str:
        if text not in words:
            expected = ", ".join(map(repr, words))
            raise PydanticCustomError("enum", "must be one of {expected}", {"expected": expected})
        return text

    return AfterValidator(known)


Outcome = Annotated[str, one_of(OUTCOMES), Field(json_schema_extra={"enum": [*OUTCOMES]})]
Cause = Annotated[str, one_of(CAUSES), Field(json_schema_extra={"enum": [*CAUSES]})]
Place = Annotated[
    str,
    two_letters(queries.NONE),
    Field(json_schema_extra={"pattern": f"^([A-Za-z]{{2}}|{queries.NONE})$"}),
]


class MessageFilters(ListParams, SpanParams):
    status: Outcome | None = Field(
        None,
        description="One status; `failed`: undelivered, rejected and expired; `ended`: all final.",
    )
    account: Word | None = None
    country: Place | None = Field(None, description="Two letters; `none`: not known.")
    network: Word | None = Field(None, description="MCC and MNC, like 310090; `none`: not known.")
    to: Word | None = Field(None, description="The recipient's number.")
    sender: Sender | None = Field(None, alias="from")
    reference: Word | None = None
    provider_message_id: Word | None = None
    reason: Cause | None = Field(None, description="Why it failed; `none`: no reason given.")
    code: Word | None = Field(None, description="The gateway's own error code.")


class WaitParams(Params):
    timeout: float = Field(60, ge=0, le=MAX_WAIT, allow_inf_nan=False, description="Seconds.")


def router(context: Context) -> APIRouter:
    routes = APIRouter(prefix="/v1/messages", tags=["messages"])
    _writing(routes, context)
    _reading(routes, context)
    return routes


async def _message(context: Context, uuid: str) -> Message:
    """The message as it is now.

    Raises:
        Problem: there is none.
    """
    found = await context.messages.ask(uuid)
    if found is None:
        raise not_found("message", "GET /v1/messages lists them all.")
    return found


def _as_accepted(message: Message) -> Message:
    """A message as it was when it was accepted, whatever became of it since (rule E2)."""
    unknown = dict.fromkeys(("error", "network", "price", "sent_at", "finished_at"))
    pending: dict[str, Any] = {"status": Status.PENDING.value, "final": False, **unknown}
    attempt = replace(
        message.attempts[0],
        **pending,
        state=State.QUEUED.value,
        tries=0,
        due_at=message.created_at,
        detail=None,
        answered_at=None,
        timeout_at=None,
        parts=[],
    )
    return replace(
        message,
        **pending,
        provider_status=None,
        delivered_at=None,
        attempts=[attempt],
        receipts=[],
    )


def _writing(routes: APIRouter, context: Context) -> None:
    store, config = context.store, context.config

    @routes.post("", status_code=202, responses=responses(ref(Message), 400, 409, 413, status=202))
    async def send(
        body: NewMessage,
        caller: Annotated[Caller, Depends(needs(Scope.SEND))],
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
    ) -> Response:
        """Accepts a message; it is handed over to its gateway in the background.

        The answer is the message as it was accepted. With an `Idempotency-Key`, the same body
        again within 48 hours gets the same answer, and another body 409.
        """
        done = await submit(
            store,
            config,
            body.order(),
            key_id=caller.key_id,
            idempotency_key=idempotency_key,
            body_hash=body.digest(),
        )
        headers = {"Location": f"/v1/messages/{done.uuid}"}
        if done.repeated:
            headers["Idempotency-Replayed"] = "true"
        return answer(_as_accepted(await _message(context, done.uuid)), 202, headers)

    @routes.post(
        "/sent", status_code=201, responses=responses(ref(Message), 400, 409, 413, status=201)
    )
    async def register_sent(
        body: SentMessage, caller: Annotated[Caller, Depends(needs(Scope.SEND))]
    ) -> Response:
        """Registers a message that another program sent, before or after its receipts arrive.

        The same registration again returns the same message, and may add details. What contradicts
        an earlier registration (another `to`, `from` or `reference` for one of these ids) is
        answered with 409, and so are ids of a message that was sent to another number.
        """
        sent = SentElsewhere(
            account=body.account,
            provider_message_ids=tuple(body.provider_message_ids),
            to=body.to,
            sender=body.sender,
            text=body.text,
            sent_at=body.sent_at,
            reference=body.reference,
        )
        uuid = await register(store, config, sent)
        await context.folded(REGISTERED_SECONDS)
        return answer(await _message(context, uuid), 201, {"Location": f"/v1/messages/{uuid}"})


def _reading(routes: APIRouter, context: Context) -> None:
    store, config, accounts = context.store, context.config, context.store.accounts
    read = Depends(needs(Scope.READ))
    follow = Depends(needs(Scope.READ, Scope.SEND))

    @routes.get("", dependencies=[read], responses=responses(list_of(Message)))
    async def list_messages(filters: Annotated[MessageFilters, Query()]) -> Response:
        """Messages, the newest first.

        A single filter is answered from an index. Other combinations examine a bounded number of
        messages: `scanned_to` says how far this page looked, and the next page continues there.
        """
        if filters.provider_message_id is not None:
            await context.folded()
        wanted = queries.Filters(
            status=filters.status,
            account=check_account(accounts, filters.account),
            country=filters.country,
            network=filters.network,
            to=None if filters.to is None else as_stored(filters.to, config.default_region),
            sender=filters.sender,
            reference=filters.reference,
            provider_message_id=filters.provider_message_id,
            reason=filters.reason,
            code=filters.code,
            since=micros_or_none(filters.since),
            until=micros_or_none(filters.until),
        )
        start = before("messages", filters.cursor)
        found = await store.read(
            lambda tx: queries.list_messages(
                tx, accounts, wanted, before=start, limit=filters.limit
            )
        )
        return page("messages", found)

    @routes.get("/{id}", dependencies=[follow], responses=responses(ref(Message), 404))
    async def show(id: str) -> Response:
        """One message with its attempts, parts and receipts.

        The id of a message that was merged into another returns that one, with `merged_into`.
        """
        uuid = message_id(id)
        await context.folded()
        return answer(await _message(context, uuid))

    @routes.get("/{id}/wait", dependencies=[follow], responses=responses(ref(Message), 404))
    async def wait(id: str, params: Annotated[WaitParams, Query()]) -> Response:
        """The message, once its status is final or the timeout has passed."""
        uuid = message_id(id)
        await context.waiting.until_final(uuid, params.timeout)
        await context.folded()
        return answer(await _message(context, uuid))


def message_id(text: str) -> str:
    """A message's id from a path, in the form in which it is stored.

    Raises:
        Problem: it cannot be an id.
    """
    uuid = uuid_or_none(text)
    if uuid is None:
        raise not_found("message", ID_HINT)
    return uuid


def uuid_or_none(text: str) -> str | None:
    try:
        return str(uuids.UUID(text))
    except ValueError:
        return None
