"""Rows of parts, attempts and messages in memory, field by column."""

import msgspec

from delivrd.core.reasons import Reason
from delivrd.core.statement import Kind, Receipt, Status, micros, moment
from delivrd.core.status import Handover, Outcome, State, Statement, fold_attempt, fold_part
from delivrd.store.tx import Row

MAX_PARTS = 255

_STATES = {state.value: state for state in State}
_STATUSES = {status.value: status for status in Status}
_KINDS = {kind.value: kind for kind in Kind}


class StatementRow(msgspec.Struct, gc=False):
    """A statement of a part, with its row."""

    id: int
    account_id: int
    statement: Statement
    new: bool = False
    changed: bool = False


STATEMENT_COLUMNS = (
    "id", "part_id", "hash", "kind", "account_id", "status", "final", "provider_status",
    "error_code", "reason", "permanent", "detail", "to_number", "sender", "network", "price",
    "currency", "occurred_at", "reference", "parts_total", "segment", "unmapped", "received_at",
    "count",
)  # fmt: skip


def read_statement(row: Row) -> tuple[int, StatementRow]:
    """The part's id and the statement in a row of the columns above."""
    reason, permanent, occurred = row[9], row[10], row[17]
    receipt = Receipt(
        provider_message_id=None,
        status=_STATUSES[row[5]],
        final=bool(row[6]),
        provider_status=row[7],
        error_code=row[8],
        reason=None if reason is None else Reason(reason),
        permanent=None if permanent is None else bool(permanent),
        detail=row[11],
        to=row[12],
        sender=row[13],
        network=row[14],
        price=row[15],
        currency=row[16],
        occurred_at=None if occurred is None else moment(occurred),
        reference=row[18],
        parts_total=row[19],
        segment=row[20],
        unmapped=bool(row[21]),
    )
    statement = Statement(_KINDS[row[3]], receipt, row[22], row[2], row[23])
    return row[1], StatementRow(row[0], row[4], statement)


def write_statement(part_id: int, row: StatementRow) -> Row:
    """The row of a statement, in the columns above."""
    s, r = row.statement, row.statement.receipt
    return (
        row.id, part_id, s.hash, s.kind._value_, row.account_id, r.status._value_, r.final,
        r.provider_status, r.error_code, r.reason and r.reason._value_, r.permanent,
        r.detail, r.to, r.sender, r.network, r.price, r.currency,
        None if r.occurred_at is None else micros(r.occurred_at), r.reference, r.parts_total,
        r.segment, r.unmapped, s.received_at, s.count,
    )  # fmt: skip


class PartRow(msgspec.Struct):
    """One provider message id of one namespace."""

    id: int
    key: str
    ns: int
    provider_message_id: str | None
    attempt_id: int | None
    created_at: int
    statements: list[StatementRow] = []
    moved: bool = False

    @property
    def live(self) -> list[Statement]:
        """Its statements in readings that are not superseded."""
        return [s.statement for s in self.statements if s.statement.count]

    @property
    def withdrawn(self) -> bool:
        """Whether all that was ever said of it was superseded, and it bears on nothing (B4)."""
        return bool(self.statements) and not self.live

    def outcome(self) -> Outcome:
        return fold_part(self.live)


PART_COLUMNS = ("id", "key", "ns", "provider_message_id", "attempt_id", "created_at")


class AttemptRow(msgspec.Struct):
    """One hand-over of a message to one account."""

    id: int
    message_id: int
    seq: int
    account_id: int
    state: str
    due_at: int | None = None
    lease_until: int | None = None
    handed_at: int | None = None
    answered_at: int | None = None
    timeout_at: int | None = None
    expires_at: int | None = None
    tries: int = 0
    parts_expected: int = 1
    answer_reason: str | None = None
    answer_code: str | None = None
    answer_detail: str | None = None
    status: str = Status.PENDING.value
    final: bool = False
    reason: str | None = None
    network: str | None = None
    error_code: str | None = None
    price: str | None = None
    currency: str | None = None
    bucket: int | None = None
    latency: int | None = None
    second: int | None = None
    parts: list[PartRow] = []
    stored: Row | None = None
    """The columns as stored; None for a new row."""

    @property
    def standing(self) -> list[PartRow]:
        """Its parts, but for those that were withdrawn."""
        return [part for part in self.parts if not part.withdrawn]

    @property
    def expected(self) -> int:
        """The number of parts: as its receipts state it, else ``parts_expected`` (rule C4)."""
        stated = [
            s.statement.receipt.parts_total
            for part in self.parts
            for s in part.statements
            if s.statement.count and s.statement.receipt.parts_total
        ]
        return min(MAX_PARTS, max(stated)) if stated else self.parts_expected

    def handover(self) -> Handover:
        return Handover(
            _STATES[self.state],
            self.expected,
            self.answered_at,
            None if self.answer_reason is None else Reason(self.answer_reason),
            self.answer_code,
            self.answer_detail,
            self.timeout_at,
        )

    def outcome(self) -> Outcome:
        return fold_attempt(self.handover(), [part.outcome() for part in self.standing])


ATTEMPT_COLUMNS = AttemptRow.__struct_fields__[:-2]
ATTEMPT_FACTS = ATTEMPT_COLUMNS.index("status")
"""The number of leading columns that are facts; the rest are derived and change with receipts."""


class MessageRow(msgspec.Struct):
    """One text to one recipient."""

    id: int
    uuid: str
    origin: str
    account_id: int
    to_number: str | None = None
    sender: str | None = None
    country: str | None = None
    text: str | None = None
    preview: str | None = None
    encoding: str | None = None
    segments: int = 1
    reference: str | None = None
    metadata: str | None = None
    callback_url: str | None = None
    created_at: int = 0
    deadline_at: int | None = None
    sent_at: int | None = None
    merged_into: int | None = None
    withdrawn: bool = False
    status: str = Status.PENDING.value
    final: bool = False
    reason: str | None = None
    permanent: bool | None = None
    error_code: str | None = None
    provider_status: str | None = None
    detail: str | None = None
    network: str | None = None
    price: str | None = None
    currency: str | None = None
    finished_at: int | None = None
    delivered_at: int | None = None
    bucket: int | None = None
    latency: int | None = None
    last_event: int | None = None
    attempts: list[AttemptRow] = []
    stored: Row | None = None


MESSAGE_COLUMNS = MessageRow.__struct_fields__[:-2]
MESSAGE_FACTS = MESSAGE_COLUMNS.index("status")
