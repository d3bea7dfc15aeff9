"""Sentences about the outcome of a message or a request.

Pure functions of the JSON of the API. A sentence begins with what happened, then come the cause and
what can be done.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from delivrd.core.text import counted
from delivrd.web.pages import provider_tables
from delivrd.web.pages.show import clock_short, date, took

ADVICE = {
    "unreachable": "Sending it again later may work.",
    "unknown_number": "Check the number, and take it off your list.",
    "not_mobile": "Use a mobile number, or call instead.",
    "blocked_by_recipient": "Do not send again until the recipient opts in.",
    "blocked_by_carrier": "Change the wording or the links, or register the campaign.",
    "sender_not_allowed": "Register the sender with the gateway, or use another one.",
    "content_invalid": "Change the text or the parameter that the gateway names.",
    "handset_error": "Sending it again later may work.",
    "network_error": "Sending it again, or through another gateway, may work.",
    "roaming": "Sending it again later may work.",
    "ported": "Ask the gateway to update its route, or send through another one.",
    "account_problem": "Check credit, quota and permissions at the gateway.",
    "throttled": "Send more slowly, or ask the gateway for a higher rate.",
    "expired": "Give it a longer deadline, or send it again.",
    "no_handset_proof": "This route cannot prove delivery; for proof, use another gateway.",
}
"""Our reason -> what to do about it."""

FAILED = {
    "undelivered": "Not delivered",
    "rejected": "Rejected",
    "expired": "Expired",
    "unknown": "Unknown",
}


class Verdict(NamedTuple):
    """``what`` happened in a sentence; ``more`` has details and what can be done."""

    what: str
    more: str = ""


def gateway(message: Mapping[str, Any]) -> str:
    attempts = message.get("attempts") or ()
    return str(attempts[-1].get("account") or "the gateway") if attempts else "the gateway"


def of_message(message: Mapping[str, Any]) -> Verdict:
    """The outcome of a message."""
    if message.get("withdrawn"):
        return Verdict(
            "Withdrawn: no receipt refers to it any more.",
            "The only request that named it has been read again and now says something else.",
        )
    status = message["status"]
    if status == "delivered":
        return _delivered(message)
    return _pending(message) if status == "pending" else _failed(message)


def _delivered(message: Mapping[str, Any]) -> Verdict:
    parts = message.get("parts") or 1
    whole = f" all {parts} parts" if isinstance(parts, int) and parts > 1 else ""
    time = took(message.get("sent_at"), message.get("finished_at"))
    after = f", {time} after it was handed over" if time else ""
    at = message.get("delivered_at")
    return Verdict(
        f"Delivered: the handset confirmed{whole or ' it'}{after}.",
        f"On {date(at)} at {clock_short(at)} UTC." if at else "",
    )


def _pending(message: Mapping[str, Any]) -> Verdict:
    attempts = message.get("attempts") or ()
    if not attempts:
        return Verdict("Pending: it has not been handed over yet.")
    last = attempts[-1]
    account = last.get("account") or "the gateway"
    match last.get("state"):
        case "queued":
            why = f"{_capital(last['detail'])}. It is tried again." if last.get("detail") else ""
            return Verdict(f"Pending: waiting to be handed over to {account}.", why)
        case "handing_over":
            return Verdict(f"Pending: it is being handed over to {account}.")
        case "unsure":
            why = last.get("detail") or "no answer to the hand-over came"
            return Verdict(
                f"Pending: it is not certain that {account} accepted it.",
                f"{_capital(why)}. It is not sent again; its receipt will show what happened.",
            )
    word = message.get("provider_status") or _last_word(message)
    if word:
        return Verdict(f"Pending: {account} reports “{word}”; no final receipt yet.")
    return Verdict(f"Pending: {account} accepted it; no receipt yet.")


UNKNOWN = "which is unknown"
NOT_HANDED_OVER = "it was not handed over before its deadline"


def _capital(sentence: str) -> str:
    return f"{sentence[:1].upper()}{sentence[1:].rstrip('.')}"


def _last_word(message: Mapping[str, Any]) -> str | None:
    receipts = message.get("receipts") or ()
    words = [r.get("provider_status") for r in receipts if r.get("provider_status")]
    return words[-1] if words else None


def _failed(message: Mapping[str, Any]) -> Verdict:
    error = message.get("error") or {}
    why = _why(message, error)
    sentence = FAILED[message["status"]]
    sentence += f": {why}" if why else _bare(message)
    return Verdict(
        sentence + ".",
        " ".join(filter(None, (_code(message, error, why), _ended(message), _advice(error)))),
    )


def _why(message: Mapping[str, Any], error: Mapping[str, Any]) -> str:
    """Our reason in words; the gateway's own words for the reason ``other``."""
    if _never_handed_over(message):
        last_try = message["attempts"][-1].get("detail")
        return f"{NOT_HANDED_OVER} ({last_try})" if last_try else NOT_HANDED_OVER
    if error.get("reason") == "other":
        detail = error.get("detail") or _meaning(message, error)
        if detail:
            return f"{gateway(message)} says “{detail.rstrip('.')}”"
        if error.get("code"):
            return f"{gateway(message)} gave code {error['code']}, {UNKNOWN}"
    why = str(error.get("explanation") or "").rstrip(".")
    return why[:1].lower() + why[1:]


def _never_handed_over(message: Mapping[str, Any]) -> bool:
    """Whether its deadline passed before its gateway took it."""
    last = (message.get("attempts") or [{}])[-1]
    return bool(message["status"] == "expired" and last.get("state") == "queued")


def _code(message: Mapping[str, Any], error: Mapping[str, Any], why: str) -> str:
    """The gateway's code, its meaning unless ``why`` contains it, and whether it is permanent.

    Of a code in no table nothing is known that ``why`` does not say.
    """
    if not error.get("code") or why.endswith(UNKNOWN):
        return ""
    meaning = _meaning(message, error)
    in_why = not meaning or meaning.rstrip(".") in why
    code = f"Code {error['code']} of {gateway(message)}" + ("" if in_why else f", “{meaning}”")
    permanent = error.get("permanent") if meaning or error.get("reason") != "other" else None
    lasting = "" if permanent is None else "; permanent" if permanent else "; temporary"
    return f"{code}{lasting}."


def _meaning(message: Mapping[str, Any], error: Mapping[str, Any]) -> str:
    last = message["attempts"][-1] if message.get("attempts") else {}
    of_send = last.get("state") == "refused"
    code, reason = error.get("code"), error.get("reason")
    return provider_tables.meaning(last.get("provider"), code, reason, of_send=of_send)


def _bare(message: Mapping[str, Any]) -> str:
    if message["status"] == "unknown":
        return ": no final receipt came"
    return ": the gateway gave no reason"


def _advice(error: Mapping[str, Any]) -> str:
    return ADVICE.get(str(error.get("reason")), "")


def _ended(message: Mapping[str, Any]) -> str:
    count = len(message.get("receipts") or ())
    time = took(message.get("sent_at"), message.get("finished_at"))
    if not count or not time:
        return ""
    return f"Final after {counted(count, 'receipt')} in {time}."


WORDS = {
    "read": ("ok", "read"),
    "partly": ("warn", "partly read"),
    "unreadable": ("bad", "not read"),
    "refused": ("bad", "refused"),
    "probe": ("idle", "probe"),
    "handshake": ("idle", "handshake"),
    "inbound": ("idle", "inbound text"),
    "other": ("idle", "other"),
}
"""What was made of a request -> tone of its mark, and the word beside it."""

_FIXES = (
    ("no such webhook", "Compare the address at the gateway with the one under First steps."),
    (
        "allow_from",
        "If that address is the gateway’s, add its network to the account’s allow_from.",
    ),
    ("Basic", "Give the gateway the user name and password of the account’s basic_auth."),
    (
        "no signature",
        "Switch signing on at the gateway, or remove its secret from the account’s settings.",
    ),
    ("signature_method", "Set the account’s signature_method to what the gateway’s settings say."),
    (
        "signature does not match",
        "Compare the account’s secret with the gateway’s settings.",
    ),
    ("seconds ago", "Raise the account’s replay_window if the gateway retries that late."),
    ("in the future", "Set this machine’s clock by NTP."),
    (
        "proof of origin",
        "Set webhook_secret or the gateway’s signature secret, or say open = true.",
    ),
    ("nonce", "Nothing to do: somebody sent an old receipt again with other content."),
    ("is larger than", "Raise limits.max_body if the gateway really sends that much."),
    ("in time", "Raise limits.receive_seconds, or check the connection to the gateway."),
    ("too many calls", "Give the account a proof of origin; then no rate limit applies."),
    ("use GET or POST", "Set the gateway to call by GET or POST."),
)
"""A part of the reason for a refusal -> how to fix it."""

ADMIT = "It is kept in full: after the fix it can be admitted here."

_OTHERS = {
    "probe": "An empty check that the webhook answers; there is nothing to read.",
    "handshake": "The gateway checked the address; answered as it requires.",
    "inbound": "A text from a handset, not a receipt; it is kept and changes no message.",
    "other": "Not a receipt; it is kept and changes no message.",
}


def of_request(request: Mapping[str, Any]) -> Verdict:
    """The outcome of an inbound call, and what can be done."""
    verdict, why = request["verdict"], str(request.get("why") or "").rstrip(".")
    match verdict:
        case "read":
            return _read(request)
        case "partly":
            return _partly(request)
        case "unreadable":
            return Verdict(
                f"Kept, but nothing could be read from it{': ' if why else ''}{why}.",
                "Nothing is lost: once delivrd supports this format, read it again.",
            )
        case "refused":
            return _refused(request, why)
    return Verdict(_OTHERS.get(verdict, _OTHERS["other"]))


def _receipts(request: Mapping[str, Any]) -> int:
    value = request.get("receipts_total", request.get("receipts"))
    return value if isinstance(value, int) else len(value or ())


def _faults(request: Mapping[str, Any]) -> int:
    value = request.get("faults")
    return value if isinstance(value, int) else sum(not f["superseded"] for f in value or ())


def _read(request: Mapping[str, Any]) -> Verdict:
    sentence = f"Read: {_only_receipt(request) or counted(_receipts(request), 'receipt')}."
    if not request.get("folded", True):
        return Verdict(sentence, "Kept durably; the messages follow in a moment.")
    if request.get("auth") in (None, "none"):
        return Verdict(sentence, "Nothing proves where it came from: the account has no secret.")
    return Verdict(sentence)


def _only_receipt(request: Mapping[str, Any]) -> str:
    """What the call's receipt reports, if there is only one."""
    receipts = request.get("receipts")
    if not isinstance(receipts, list) or len(receipts) != 1:
        return ""
    word, status = receipts[0]["provider_status"], receipts[0]["status"]
    return (
        f"one receipt that says {status}"
        if word in (None, status)
        else (f"one receipt that says “{word}”, which means {status}")
    )


def _partly(request: Mapping[str, Any]) -> Verdict:
    receipts, faults = _receipts(request), _faults(request)
    return Verdict(
        f"Read {receipts} of {counted(receipts + faults, 'item')}; {faults} could not be read.",
        "The others were applied. Once delivrd supports the missing format, read it again.",
    )


def _refused(request: Mapping[str, Any], why: str) -> Verdict:
    fix = next((fix for piece, fix in _FIXES if piece in why), "")
    admit = ADMIT if request.get("admissible") else ""
    return Verdict(
        f"Refused with {request['status']}: {why}.", " ".join(filter(None, (fix, admit)))
    )
