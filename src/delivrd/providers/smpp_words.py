"""What the words and codes of SMPP mean, for every dialect that passes them on."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from delivrd.core.reasons import Reason
from delivrd.core.smpp_receipt import MESSAGE_STATES
from delivrd.core.statement import Status
from delivrd.providers.base import Code, Word

ON_ITS_WAY = Word(Status.PENDING, False)

STATUSES: Mapping[str, Word] = {
    "DELIVRD": Word(Status.DELIVERED, True),
    "EXPIRED": Word(Status.EXPIRED, True),
    "DELETED": Word(Status.UNDELIVERED, True, Reason.DELETED),
    "UNDELIV": Word(Status.UNDELIVERED, True),
    "REJECTD": Word(Status.REJECTED, True),
    "ACCEPTD": ON_ITS_WAY,
    "ENROUTE": ON_ITS_WAY,
    "SCHEDULED": ON_ITS_WAY,
    "BUFFERED": ON_ITS_WAY,
    "BUFFRED": ON_ITS_WAY,
    "SENT": ON_ITS_WAY,
    "UNKNOWN": Word(Status.UNKNOWN, False),
    "FAILED": Word(Status.UNDELIVERED, True),
    "UNDELIVERABLE": Word(Status.UNDELIVERED, True),
    "UNDELIVRD": Word(Status.UNDELIVERED, True),
    "SKIPPED": Word(Status.UNDELIVERED, True),
    "DELIVERED": Word(Status.DELIVERED, True),
    "DELIVERD": Word(Status.DELIVERED, True),  # developers.cm.com/messaging/docs/smpp
    "UNDELIVERED": Word(Status.UNDELIVERED, True),
    "REJECTED": Word(Status.REJECTED, True),
    "ACCEPTED": ON_ITS_WAY,
    "ACKED": ON_ITS_WAY,
    "NOCRED": Word(Status.REJECTED, True, Reason.ACCOUNT_PROBLEM),
    "SYSERR": Word(Status.UNDELIVERED, True, Reason.NETWORK_ERROR),
    "NACK": Word(Status.REJECTED, True),
}
"""``stat:`` of a receipt's text, also as some write it out in full.

The specification calls ACCEPTD final; in practice it is not. Words beyond it: ACKED is Mblox's
(opentelecoms-org/jsmpp#9), NOCRED and SYSERR are those of smscentral.com.au, NACK is in the lists
of ozekisms.com (SMPP error codes) and Messente (delivery reports).
"""

STATES: Mapping[str, Word] = {
    **{str(number): STATUSES[word] for number, word in MESSAGE_STATES.items()},
    **STATUSES,
}
"""message_state of a receipt's PDU, as a number or as SMPP libraries name it."""

_TOLD = tomllib.loads((Path(__file__).parent / "smpp_commands.toml").read_text(encoding="utf-8"))

REFUSALS: Mapping[str, Word] = {
    name: Word(Status.REJECTED, True, Reason(reason)) for name, (_, reason, _) in _TOLD.items()
}
"""command_status of the answer to a submit, by its name."""

REFUSAL_CODES: Mapping[str, Code] = {
    f"0x{value:08x}": Code(words, Reason(reason), Status.REJECTED)
    for value, reason, words in _TOLD.values()
}
"""The same by number, as eight hexadecimal digits."""
