"""The steps of processing a call that depend on nothing but the call."""

from hashlib import blake2b

import structlog
from msgspec import structs

from delivrd.intake.call import Call, Stop
from delivrd.intake.proof import UnknownAddress
from delivrd.intake.reading import read, with_reference
from delivrd.providers.base import OK
from delivrd.store.nonces import Nonce

log = structlog.get_logger(__name__)


def enter(call: Call) -> None:
    """Finds the account whose webhook is called.

    Raises:
        Stop: there is none, or the call cannot carry a receipt.
    """
    account, proof = call.route.account, call.route.proof
    if account is None or proof is None:
        raise Stop(404, "there is no such webhook")
    call.account, call.proof = account, proof
    address = call.segments
    if address is not None or proof.needs_address:
        try:
            call.address = proof.address([part for part in (address or "").split("/") if part])
        except UnknownAddress:
            raise Stop(404, "there is no such webhook") from None
    if call.method == "POST" or (call.method == "GET" and call.query):
        return
    if call.method in ("GET", "HEAD"):
        raise Stop(200, "probe")
    if call.method == "OPTIONS" and (origin := call.head.get("webhook-request-origin")):
        # senders of CloudEvents ask whether they may deliver (HTTP webhooks, section 4.1)
        allowed = {"webhook-allowed-origin": origin, "webhook-allowed-rate": "*"}
        raise Stop(200, "handshake", **allowed)
    raise Stop(405, "use GET or POST", allow="GET, POST, HEAD")


def read_call(call: Call) -> None:
    """Reads the call with the account's adapter, as it is kept: what is told of it, such as the
    raw form of an unreadable item, holds no secret either, and reading it again tells the same.
    """
    redactor, request = call.route.redactor, call.request
    query, body = redactor.value(request.query), redactor.value(request.body)
    if query != request.query or body != request.body:
        request = structs.replace(request, query=query, body=body)
    call.kept = request
    call.reading = with_reference(read(call.account, request), call.address.reference)


def answer_call(call: Call) -> None:
    """Makes the answer that the gateway expects; if the adapter raises, an empty 200 (rule A9)."""
    account = call.account
    try:
        call.answer = account.provider.answer(call.request, call.reading, account.settings)
    except Exception:
        log.exception("an adapter failed to answer", account=account.name)
        call.answer = OK


def nonce_of(call: Call, received_at: int, value: str) -> Nonce:
    """The call's nonce, which must not recur with other content within the replay window (B3)."""
    request, account = call.request, call.account
    content = blake2b(b"%b%b\n%b" % (request.method.encode(), request.query, request.body))
    if call.address.reference:  # it names the message, and no signature covers it
        content.update(b"\n" + call.address.reference.encode(errors="replace"))
    window = account.settings.replay_window
    if window is None:
        window = account.provider.replay_behind
    return Nonce(value, content.digest()[:16], received_at + (window + 600) * 1_000_000)
