"""The tables, the same for SQLite and PostgreSQL.

Times are integers, microseconds since 1970 (UTC); vocabularies are text; ids are 63-bit integers
that grow with time (:mod:`delivrd.store.ids`). There are no foreign keys: all rows are written by
this package, under the locks of rule G1, and each constraint would cost the hot path a look-up.
Every secondary index names the query that needs it.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from delivrd.store.counts import TABLES, TIMED
from delivrd.store.days import HOURS
from delivrd.store.ids import late
from delivrd.store.latencies import STEPS
from delivrd.store.latencies import TABLES as LATENCIES

Id: Any = BigInteger().with_variant(Integer(), "sqlite")
Steps: Any = Numeric().with_variant(LargeBinary(), "sqlite")
"""A histogram, see `delivrd.store.histograms`."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _table(
    name: str, *items: Column[Any] | Index | UniqueConstraint, clustered: bool = False
) -> Table:
    return Table(name, metadata, *items, sqlite_with_rowid=not clustered)


def _id(name: str = "id") -> Column[Any]:
    return Column(name, Id, primary_key=True, autoincrement=False)


def _key(name: str, kind: Any = Text) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _int(name: str, *, null: bool = True, default: str | None = None) -> Column[Any]:
    return Column(name, BigInteger, nullable=null, server_default=default)


def _small(name: str, *, null: bool = False, default: str | None = "0") -> Column[Any]:
    return Column(name, SmallInteger, nullable=null, server_default=default)


def _text(name: str, *, null: bool = True) -> Column[Any]:
    return Column(name, Text, nullable=null)


def _flag(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Boolean, nullable=null, server_default=None if null else text("false"))


def _bytes(name: str, *, null: bool = True) -> Column[Any]:
    return Column(name, LargeBinary, nullable=null)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


account = _table(
    "account",
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _text("provider", null=False),
    # the settings by which its receipts were matched
    _int("ns", null=False),  # the account whose ids these are: its own id, or that of ids_with
    _text("id_format"),
    _flag("receive_only"),
    # what it brought stays marked when it is in the settings no more
    _flag("simulated"),
)

# --- requests -----------------------------------------------------------------------------------

request = _table(
    "request",
    _id(),
    _int("account_id", null=False),
    _int("received_at", null=False),
    _int("took_us"),
    _text("source"),
    _text("method", null=False),
    _text("path", null=False),
    _bytes("query"),
    _bytes("headers"),
    _bytes("body"),
    _text("auth", null=False),  # scheme, or scheme#n for the n-th secret
    _text("kind", null=False),
    _text("why"),
    _int("receipts", null=False, default="0"),
    _int("faults", null=False, default="0"),
    _small("reading_no"),
    # for operators: requests that are not receipts, or have faults
    Index("ix_request_odd", "id", **_where("kind <> 'receipts' OR faults > 0")),
    Index("ix_request_late", "id", **_where(late("received_at"))),
)

to_fold = _table(
    "to_fold",
    _id(),  # of the request
    _small("reading_no"),
    _int("account_id", null=False),
    _int("received_at", null=False),
    _bytes("data", null=False),
    _int("done", null=False, default="0"),  # receipts already folded, of a long request
    _small("owner", null=True, default=None),  # the writer slot of the folder that claimed it
    _int("owned_until"),
    _small("deaths"),  # processes that died while they owned it
)

fault = _table(
    "fault",
    _id(),
    _int("request_id", null=False),
    _small("reading_no"),
    _int("position", null=False),
    _text("why", null=False),
    _text("raw"),
    _bytes("data"),  # the receipt, if it was read but could not be folded (rule A8)
    _flag("set_aside"),
    Index("ix_fault_request_id", "request_id"),
    Index("ix_fault_set_aside", "id", **_where("set_aside")),
)

nonce = _table(
    "nonce",
    _key("account_id", BigInteger),
    _key("nonce"),
    _bytes("content", null=False),
    _int("expires_at", null=False),
    Index("ix_nonce_expires_at", "expires_at"),  # pruning
    clustered=True,
)

nonce_log = _table(  # nonces not yet moved to `nonce`, in order of arrival
    "nonce_log",
    _id(),  # of the request
    _int("account_id", null=False),
    _text("nonce", null=False),
    _bytes("content", null=False),
    _int("expires_at", null=False),
)

ring = _table(  # requests that are not authentic: bounded, best effort (rule B2)
    "ring",
    _id(),
    _text("account"),
    _int("received_at", null=False),
    _text("source"),
    _text("method", null=False),
    _text("path", null=False),
    _bytes("query"),
    _bytes("headers"),
    _bytes("body"),
    _int("status", null=False),
    _text("why", null=False),
    _flag("admissible"),
)

# --- messages and their statements --------------------------------------------------------------

statement = _table(
    "statement",
    _id(),
    _int("part_id", null=False),
    _bytes("hash", null=False),
    _text("kind", null=False),
    _int("account_id", null=False),
    _text("status", null=False),
    _flag("final"),
    _text("provider_status"),
    _text("error_code"),
    _text("reason"),
    _flag("permanent", null=True),
    _text("detail"),
    _text("to_number"),
    _text("sender"),
    _text("network"),
    _text("price"),
    _text("currency"),
    _int("occurred_at"),
    _text("reference"),
    _int("parts_total"),
    _text("segment"),
    _flag("unmapped"),
    _int("received_at", null=False),  # the earliest of its live links
    _int("count", null=False),  # of its live links
    UniqueConstraint("part_id", "hash"),
    Index("ix_statement_unmapped", "id", **_where("unmapped")),  # GET /v1/unmapped
    Index("ix_statement_late", "id", **_where(late("received_at"))),
)

link = _table(
    "link",
    _key("request_id", BigInteger),
    _key("reading_no", SmallInteger),
    _key("position", BigInteger),
    _int("statement_id", null=False),
    _int("received_at", null=False),
    Column("live", Boolean, nullable=False, server_default=text("true")),
    Index("ix_link_statement_id", "statement_id"),  # re-reading: other links to the statement
    clustered=True,
)

part = _table(
    "part",
    _id(),
    Column("key", Text, nullable=False, unique=True),  # namespace, comparable id, generation
    _int("ns", null=False),
    _text("provider_message_id"),
    _int("attempt_id"),
    _int("created_at", null=False),
    Index("ix_part_attempt_id", "attempt_id", **_where("attempt_id IS NOT NULL")),
    Index("ix_part_unmatched", "id", **_where("attempt_id IS NULL")),  # GET /v1/unmatched
)

attempt = _table(
    "attempt",
    _id(),
    _int("message_id", null=False),
    _small("seq"),
    _int("account_id", null=False),
    _text("state", null=False),
    _int("due_at"),  # when to hand it over or, once accepted, to look it up
    _int("lease_until"),
    _int("handed_at"),
    _int("answered_at"),
    _int("timeout_at"),
    _int("expires_at"),  # when the time-out sweep may add its statement
    _small("tries"),
    _int("parts_expected", null=False, default="1"),
    # why it was refused or is waiting
    _text("answer_reason"),
    _text("answer_code"),
    _text("answer_detail"),
    # derived
    _text("status", null=False),
    _flag("final"),
    _text("reason"),
    _text("network"),
    _text("error_code"),
    _text("price"),
    _text("currency"),
    _int("bucket"),  # the quarter of an hour in which it is counted; null: not counted
    _small("latency", null=True, default=None),
    _int("second"),  # of its hand-over, counted from 1970; null: not handed over
    Index("ix_attempt_message_id", "message_id"),
    Index("ix_attempt_queued", "due_at", **_where("state = 'queued' AND NOT final")),
    Index(
        "ix_attempt_asking",
        "due_at",
        **_where("state = 'accepted' AND NOT final AND due_at IS NOT NULL"),
    ),
    Index("ix_attempt_leased", "lease_until", **_where("state = 'handing_over'")),
    Index("ix_attempt_expiring", "expires_at", **_where("NOT final AND expires_at IS NOT NULL")),
)

message = _table(
    "message",
    _id(),
    Column("uuid", Text, nullable=False, unique=True),
    _text("origin", null=False),  # api, registered, received
    _int("account_id", null=False),
    _text("to_number"),
    _text("sender"),
    _text("country"),
    _text("text"),
    _text("preview"),
    _text("encoding"),
    _small("segments", default="1"),
    _text("reference"),
    _text("metadata"),
    _text("callback_url"),
    _int("created_at", null=False),
    _int("deadline_at"),
    _int("sent_at"),
    _int("merged_into"),
    _flag("withdrawn"),
    # derived
    _text("status", null=False),
    _flag("final"),
    _text("reason"),
    _flag("permanent", null=True),
    _text("error_code"),
    _text("provider_status"),
    _text("detail"),
    _text("network"),
    _text("price"),
    _text("currency"),
    _int("finished_at"),
    _int("delivered_at"),
    _int("bucket"),
    _small("latency", null=True, default=None),
    _int("last_event"),  # its id: the next one must be greater, whatever its writer's clock says
    # GET /v1/messages by each filter, newest first
    Index("ix_message_to_number_id", "to_number", "id"),
    Index("ix_message_reference_id", "reference", "id", **_where("reference IS NOT NULL")),
    Index("ix_message_account_id_id", "account_id", "id"),
    Index("ix_message_country_id", "country", "id"),
    Index("ix_message_failed", "status", "id", **_where("final AND status <> 'delivered'")),
    Index("ix_message_open", "id", **_where("NOT final")),
    Index("ix_message_merged", "merged_into", **_where("merged_into IS NOT NULL")),
    Index("ix_message_late", "id", **_where(late("created_at"))),
)

LATE = tuple(
    index
    for table in (request, statement, message)
    for index in table.indexes
    if str(index.name).endswith("_late")
)
"""For lists of a span of time, which is else a span of ids."""

# --- counts and events --------------------------------------------------------------------------


_KINDS = dict.fromkeys(("unit", "slot", "le", "what"), SmallInteger) | dict.fromkeys(
    ("bucket", "minute", "half", "part", "day", "account_id"), BigInteger
)


def _counts(name: str) -> Table:
    """A table of counts. Unit: 0 messages, 1 attempts. Bucket (15 minutes), minute, half (an hour),
    part (six hours) and day are counted from 1970. Account: 0 where messages are counted."""
    keys = (_key(column, _KINDS.get(column, Text)) for column in (*TABLES[name], "slot"))
    if name in LATENCIES:
        return _table(name, *keys, Column(STEPS, Steps, nullable=False), clustered=True)
    hours = (_int(hour) for hour in (HOURS if "day" in TABLES[name] else ()))
    steps = (Column(STEPS, Steps) for _ in range(name in TIMED))
    return _table(name, *keys, _int("n", null=False), *hours, *steps, clustered=True)


for _name in TABLES:
    _counts(_name)

feedback = _table(  # what applications report about their messages
    "feedback",
    _id("message_id"),
    _text("outcome", null=False),  # converted, not_converted
    _int("at", null=False),
    # where it is counted
    _int("bucket", null=False),
    _int("account_id", null=False),
    _text("country", null=False),
    clustered=True,
)

conversion = _table(
    "conversion",
    _key("bucket", BigInteger),
    _key("account_id", BigInteger),
    _key("country"),
    _key("outcome"),
    _key("slot", SmallInteger),
    _int("n", null=False),
    clustered=True,
)

event = _table(
    "event",
    _id(),
    _int("message_id", null=False),
    _text("type", null=False),
    _text("data", null=False),
    _int("created_at", null=False),
    _int("position"),
    _flag("fanned_out"),
    Index("ix_event_unnumbered", "id", **_where("position IS NULL")),
    Index("ix_event_position", "position", unique=True),  # the stream
    # fan-out: events without deliveries yet, in order within a message
    Index("ix_event_untold", "message_id", "id", **_where("NOT fanned_out")),
)

tombstone = _table(
    "tombstone",
    Column("hash", LargeBinary, primary_key=True),
    _int("month", null=False),
    clustered=True,
)

# --- endpoints and deliveries --------------------------------------------------------------------

endpoint = _table(
    "endpoint",
    _id(),
    _text("kind", null=False),  # endpoint, or callback: all callback_urls of one origin
    _text("url", null=False),
    _text("origin", null=False),
    _text("name"),  # if it is defined in the settings
    _text("description"),
    _text("format", null=False),
    _text("options"),  # these four are JSON; a null filter matches everything
    _text("statuses"),
    _text("accounts"),
    _text("countries"),
    _flag("final_only"),
    _flag("operational"),  # also gets events about the hub itself: endpoint.disabled
    _flag("ordered"),
    _int("rate_limit"),  # calls a second
    _small("batch_size", default="1"),
    _int("batch_ms", null=False, default="1000"),
    _text("secrets", null=False),  # JSON: [[secret, until | null], …], newest first
    _int("revision", null=False, default="0"),  # number of changes to the URL or the call
    _int("created_at", null=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    _int("disabled_at"),
    _text("disabled_why"),
    _int("deleted_at"),
    # how its calls went, and when the next may be made
    _text("failures", null=False),  # JSON: times of the latest consecutive failed tries
    _int("failing_since"),
    _int("succeeded_at"),  # the last success, accurate to some seconds
    _int("opened_at"),  # when the circuit breaker opened
    _int("probe_at"),
    _int("probes", null=False, default="0"),
    _int("paused_until"),  # by Retry-After
    _int("next_call_at"),  # by rate_limit
    # one row for all callback_urls of an origin
    Index("uq_endpoint_callback", "origin", unique=True, **_where("kind = 'callback'")),
    Index(
        "uq_endpoint_name",
        "name",
        unique=True,
        **_where("name IS NOT NULL AND deleted_at IS NULL"),
    ),
)

delivery = _table(
    "delivery",
    _id(),
    _int("event_id", null=False),
    _int("endpoint_id", null=False),
    _int("message_id", null=False),
    _text("url"),  # a message's callback_url; else the endpoint's
    # waiting, in_flight, delivered, parked, superseded, skipped, cancelled
    _text("state", null=False),
    _flag("final"),  # the event reports a final status: it is never superseded
    _flag("ordered"),
    _int("tries", null=False, default="0"),
    _int("base", null=False, default="0"),  # tries before it was last replayed
    _int("next_at"),
    _int("lease_until"),
    _int("batch"),  # the delivery whose call carries the whole batch
    _bytes("call"),  # the packed call: the same bytes at every try
    _int("revision", null=False, default="0"),  # of the endpoint when the call was built
    _text("why"),
    _int("created_at", null=False),
    _int("ended_at"),
    UniqueConstraint("event_id", "endpoint_id"),
    Index("ix_delivery_due", "endpoint_id", "next_at", **_where("state = 'waiting'")),
    Index("ix_delivery_leased", "lease_until", **_where("state = 'in_flight'")),
    # claiming on an ordered endpoint: earlier deliveries of the same message
    Index(
        "ix_delivery_queue",
        "endpoint_id",
        "message_id",
        "event_id",
        **_where("ordered AND state IN ('waiting', 'in_flight')"),
    ),
    Index("ix_delivery_batch", "batch", **_where("batch IS NOT NULL")),
    Index("ix_delivery_message_id", "message_id"),  # GET /v1/deliveries by message
    Index("ix_delivery_endpoint_id_id", "endpoint_id", "id"),  # GET /v1/deliveries by endpoint
    Index("ix_delivery_parked", "id", **_where("state = 'parked'")),  # GET /v1/deliveries, parked
)

try_ = _table(
    "try",
    _key("delivery_id", BigInteger),
    _key("number", BigInteger),
    _int("at", null=False),
    _int("connect_us"),  # null if a connection was reused
    _int("first_byte_us"),
    _int("total_us"),
    _int("status"),
    _text("error"),  # why it failed, in words
    _bytes("request_headers"),  # without secrets
    _bytes("response_headers"),
    _bytes("response"),
    clustered=True,
)

told = _table(  # tries by outcome and quarter of an hour, for charts and rates
    "told",
    _key("endpoint_id", BigInteger),
    _key("bucket", BigInteger),
    _key("outcome"),  # delivered, failed
    _key("slot", SmallInteger),
    _int("n", null=False),
    clustered=True,
)

gone = _table(  # callback_urls that answered 410
    "gone",
    _key("url"),
    _int("at", null=False),
    clustered=True,
)

# --- access, leases, audit ----------------------------------------------------------------------

idempotency = _table(
    "idempotency",
    _key("key_id", BigInteger),
    _key("key"),
    _bytes("body_hash", null=False),
    _text("message_uuid", null=False),
    _int("created_at", null=False),
    Index("ix_idempotency_created_at", "created_at"),  # pruning
    clustered=True,
)

api_key = _table(
    "api_key",
    _id(),
    _text("name", null=False),
    Column("prefix", Text, nullable=False, unique=True),
    _bytes("hash", null=False),
    _text("scope", null=False),
    _int("created_at", null=False),
    _int("last_used_at"),
    _int("revoked_at"),
)

session = _table(
    "session",
    Column("hash", LargeBinary, primary_key=True),
    _text("kind", null=False),  # link, cookie
    _text("scope", null=False),
    _int("created_at", null=False),
    _int("expires_at", null=False),
    clustered=True,
)

lease = _table(
    "lease",
    Column("name", Text, primary_key=True),
    _text("holder", null=False),
    _int("expires_at", null=False),
    clustered=True,
)

process_figures = _table(  # what each process counts of itself, for monitoring
    "process_figures",
    _key("slot", SmallInteger),
    _int("published_at", null=False),
    _bytes("figures", null=False),
    clustered=True,
)

audit = _table(
    "audit",
    _id(),
    _int("at", null=False),
    _text("actor", null=False),
    _text("action", null=False),
    _text("detail"),
)

# --- alerts ---------------------------------------------------------------------------------------

alert_rule = _table(  # made over the API; those in the settings are not stored
    "alert_rule",
    _key("name"),
    _text("rule", null=False),  # JSON
    _int("created_at", null=False),
    _int("updated_at", null=False),
    clustered=True,
)

alert_state = _table(  # what a rule keeps from one evaluation to the next
    "alert_state",
    _key("name"),
    _text("rule", null=False),  # as it was evaluated: a changed rule starts afresh
    _text("data", null=False),  # JSON
    _int("evaluated_at"),
    _int("snoozed_until"),
    clustered=True,
)

firing = _table(
    "firing",
    _id(),
    _text("rule", null=False),
    _int("number", null=False),  # counts the firings of the rule
    _text("kind", null=False),
    _text("sentence", null=False),
    _text("place", null=False),  # JSON: [[dimension, value], …]
    _text("state", null=False),  # firing, recovered, merged; told: a notice of a single failure
    _int("since", null=False),  # when the condition began
    _int("fired_at", null=False),
    _int("ended_at"),
    _int("merged_into"),  # the number of the firing that it was merged into
    _int("beside"),  # another rule's firing that sent a notice of the same already
    _text("facts", null=False),  # JSON
    _text("causes"),  # JSON
    _int("acked_at"),
    _text("acked_by"),
    _int("snoozed_until"),
    UniqueConstraint("rule", "number"),
    Index("ix_firing_open", "id", **_where("state = 'firing'")),
)

notice = _table(  # one notice of a firing, for one channel
    "notice",
    _id(),
    _int("firing_id", null=False),
    _text("channel", null=False),
    _text("what", null=False),
    _text("title", null=False),
    _text("body", null=False),
    _text("state", null=False),  # waiting, sent, failed
    _small("tries"),
    _int("next_at"),
    _text("why"),
    _int("created_at", null=False),
    _int("ended_at"),
    Index("ix_notice_due", "next_at", **_where("state = 'waiting'")),
    Index("ix_notice_firing_id", "firing_id"),
    Index("ix_notice_channel_id", "channel", "id"),  # the health of a channel
)
