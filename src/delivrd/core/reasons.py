"""Why a message failed: our closed vocabulary, kept beside the provider's code."""

from enum import StrEnum


class Reason(StrEnum):
    UNREACHABLE = "unreachable"
    UNKNOWN_NUMBER = "unknown_number"
    NOT_MOBILE = "not_mobile"
    BLOCKED_BY_RECIPIENT = "blocked_by_recipient"
    BLOCKED_BY_CARRIER = "blocked_by_carrier"
    SENDER_NOT_ALLOWED = "sender_not_allowed"
    CONTENT_INVALID = "content_invalid"
    HANDSET_ERROR = "handset_error"
    NETWORK_ERROR = "network_error"
    ROAMING = "roaming"
    PORTED = "ported"
    ACCOUNT_PROBLEM = "account_problem"
    THROTTLED = "throttled"
    EXPIRED = "expired"
    DELETED = "deleted"
    NO_HANDSET_PROOF = "no_handset_proof"
    OTHER = "other"

    @property
    def permanent(self) -> bool:
        """Whether the same text to the same number would probably fail again later."""
        return self in _PERMANENT

    @property
    def refused_again(self) -> bool:
        """Whether a refusal for this reason would come again: one without a reason would."""
        return self.permanent or self is Reason.OTHER

    @property
    def explanation(self) -> str:
        """One sentence that explains the reason to a person."""
        return _EXPLANATIONS[self]


_PERMANENT = frozenset(
    {
        Reason.UNKNOWN_NUMBER,
        Reason.NOT_MOBILE,
        Reason.BLOCKED_BY_RECIPIENT,
        Reason.BLOCKED_BY_CARRIER,
        Reason.SENDER_NOT_ALLOWED,
        Reason.CONTENT_INVALID,
        Reason.ACCOUNT_PROBLEM,
        Reason.DELETED,
    }
)

_EXPLANATIONS = {
    Reason.UNREACHABLE: "The phone was off or out of coverage.",
    Reason.UNKNOWN_NUMBER: "The network does not know this number.",
    Reason.NOT_MOBILE: "The number cannot receive SMS (a landline, or a service number).",
    Reason.BLOCKED_BY_RECIPIENT: "The recipient opted out or blocks these messages.",
    Reason.BLOCKED_BY_CARRIER: "The carrier filtered the message as spam or barred content.",
    Reason.SENDER_NOT_ALLOWED: "The sender is not registered or not allowed on this route.",
    Reason.CONTENT_INVALID: "The text or a parameter of the message is not acceptable.",
    Reason.HANDSET_ERROR: "The handset could not take the message (busy, or its memory is full).",
    Reason.NETWORK_ERROR: "The network failed to pass the message on.",
    Reason.ROAMING: "The phone was roaming and could not be served.",
    Reason.PORTED: "The number moved to another network and the route did not follow.",
    Reason.ACCOUNT_PROBLEM: "The account at the gateway lacks credit, quota or permission.",
    Reason.THROTTLED: "Too many messages at once; the gateway slowed us down.",
    Reason.EXPIRED: "The message could not be delivered within its validity.",
    Reason.DELETED: "The message was deleted or cancelled before delivery.",
    Reason.NO_HANDSET_PROOF: "The operator took it, but nothing proves that the handset did.",
    Reason.OTHER: "The gateway gave a reason that fits no other category.",
}
