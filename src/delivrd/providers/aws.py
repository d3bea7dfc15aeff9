"""Amazon Web Services: End User Messaging SMS, SNS's SMS and Pinpoint, told by their shape.

Events come through an SNS topic (signed; see :mod:`delivrd.providers.aws_sns`) or its raw message
delivery, through EventBridge, through Firehose or Kinesis, or as a log's line: an event is read out
of any of these envelopes (:mod:`delivrd.providers.aws_envelopes`). Sources:
docs.aws.amazon.com/sms-voice (event types and format, EventBridge), …/sns (SMS delivery logs),
…/pinpoint (SMS events).
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from delivrd.core import times
from delivrd.core.statement import Reading, Receipt
from delivrd.providers import aws_envelopes, aws_events, aws_sns, reading
from delivrd.providers import fields as f
from delivrd.providers.base import (
    FAILURES,
    OK,
    AccountSettings,
    Authentic,
    Code,
    Http,
    Request,
    Response,
)

NAME = "aws"
TITLE = "AWS (End User Messaging SMS, SNS, Pinpoint)"
DOCS = "https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-format.html"
CHECKED = "2026-11-27"

PATIENCE = 12.0  # SNS gives up after 15 seconds
REPLAY_BEHIND = 3600  # SNS tries again for an hour, with the first signature
SECRET_FIELDS = ("UnsubscribeURL",)  # whoever has it can end the subscription

STATUSES = aws_events.STATUSES

ERRORS: dict[str, Code] = {}
"""There are no codes: the status word says why."""

FIELDS = {
    "messageId": "The id of the message, as in the answer to the send (in the log in "
    "`notification`, from Pinpoint `attributes.message_id`). SNS's own `MessageId` is another.",
    "messageStatus": "The status word (from Pinpoint `attributes.record_status`, in the log "
    "`status`).",
    "isFinal": "Whether no better news will come; from Pinpoint `event_type` says so.",
    "messageStatusDescription": "Why, in words (in the log `delivery.providerResponse`).",
    "eventTimestamp": "When it happened, in milliseconds since 1970 (in the log "
    "`notification.timestamp`, UTC: when it was handed in).",
    "destinationPhoneNumber": "The recipient's number; EventBridge may leave it out.",
    "originationPhoneNumber": "The sender.",
    "mcc, mnc": "The recipient's network.",
    "totalMessagePrice": "What it cost in US dollars (in the log `priceInUSD`, from Pinpoint "
    "thousandths of a cent).",
    "Type, Message, TopicArn": "SNS's envelope; the event is a text inside.",
    "detail": "EventBridge's envelope.",
    "records, data": "Firehose's envelope; each event is inside in base64 (Kinesis': `kinesis`), "
    "and what comes from CloudWatch Logs is compressed there (`logEvents`; Lambda's: `awslogs`).",
}

SETUP = (
    "In Amazon SNS, make a standard topic; in End User Messaging SMS, make a configuration set "
    "whose event destination is this topic, for all text events, and send with it.",
    'Put the topic in `delivrd.toml`: `[accounts.aws]` with `provider = "aws"`, '
    '`receive_only = true` and `topic_arn = "arn:aws:sns:…"`. Anybody can sign with a topic of '
    "their own; only these count.",
    "Start `delivrd serve` where AWS reaches it, and subscribe "
    "`https://YOUR-HOST/webhooks/aws` to the topic (protocol HTTPS, raw message delivery off): "
    "the hub confirms the subscription by itself.",
    "EventBridge (an API destination), Firehose (an HTTP endpoint) and raw "
    "message delivery sign nothing: give them an account of their own without `topic_arn`, with a "
    "`webhook_secret` (or `basic_auth`) of at least 12 random characters and "
    '`ids_with = "aws"`.',
    "Run `delivrd doctor`, send yourself a text the way you always do, and see its receipts in "
    "`delivrd receipts tail --account aws`.",
)


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Settings(AccountSettings):
    """An account whose texts go out through AWS."""

    SIGNED_BY: ClassVar[tuple[str, ...]] = ("topic_arn",)

    provider: str = NAME
    topic_arn: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), description="The SNS topic whose signature counts, one or a list."
    )


def authenticate(request: Request, settings: Settings) -> Authentic | None:
    """SNS's signature for one of the account's topics; without topics in the settings, None.

    Raises:
        NeedsDocument: the certificate has to be fetched first.
        Unauthentic: no signature, a wrong one, one too old, or another's topic.
    """
    if not settings.topic_arn:
        return None
    behind = REPLAY_BEHIND if settings.replay_window is None else settings.replay_window
    return aws_sns.check(request, settings.topic_arn, behind)


learn = aws_sns.learn


async def confirm(request: Request, settings: Settings, http: Http) -> None:
    """Confirms the subscription of one of the account's topics, as an authentic request asks."""
    await aws_sns.confirm(request, settings.topic_arn, http)


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a request: an event of any family, in any envelope.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        found = aws_events.told(aws_envelopes.event(told))
        stamp = times.parse(found.pop("stamp"), zone, now=request.received_at)
        stamp = stamp or times.parse(told.get("time"), zone, now=request.received_at)
        detail, meaning = found.pop("detail"), found["pair"]
        failed = meaning is not None and meaning.status in FAILURES
        currency = "USD" if found["price"] else None
        return reading.receipt(
            STATUSES,
            ERRORS,
            occurred_at=stamp,
            detail=detail if failed else None,
            currency=currency,
            **found,
        )

    return reading.read_each(aws_envelopes.unpacked(request), one, _other, aws_envelopes.items)


def answer(request: Request, reading: Reading) -> Response:
    """The request's id and the time, without which Firehose sends all again, else nothing."""
    request_id = request.header("x-amz-firehose-request-id")
    if not request_id:
        return OK
    now = (request.received_at or datetime.now(UTC)).timestamp()
    body = json.dumps({"requestId": request_id, "timestamp": int(now * 1000)}).encode()
    return Response(200, body, "application/json")


_KINDS = {
    "SubscriptionConfirmation": "handshake",
    "UnsubscribeConfirmation": "other",
    "Registration Status Change": "other",  # EventBridge's, of a sender
}
_RECEIPTS = ("TEXT_", "MEDIA_", "RCS_", "_SMS.")


def _other(told: f.Fields) -> str | None:
    kind = _KINDS.get(f.text(told, "Type", "detail-type") or "")
    if kind is not None:
        return kind
    event = aws_envelopes.event(told)
    about = (f.text(event, "eventType", "event_type", "notificationType") or "TEXT_").upper()
    if "inboundMessageId" in event or about == "_SMS.RECEIVED":
        return "inbound"
    nothing = event is not told and not event
    return "other" if nothing or not about.startswith(_RECEIPTS) else None
