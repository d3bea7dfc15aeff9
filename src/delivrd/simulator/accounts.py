"""How each simulated gateway knows its customer: credentials, secrets, and where receipts go."""

from dataclasses import dataclass


@dataclass
class VonageAccount:
    """``webhook`` is the account's address for receipts; ``method`` is ``GET``, ``POST``,
    ``POST-JSON``, or ``mixed`` for all three. Receipts are signed when there is a secret.
    Credentials are checked where they are given here."""

    webhook: str | None = None
    api_key: str | None = None
    api_secret: str | None = None
    signature_secret: str | None = None
    signature_method: str = "sha256"
    method: str = "POST-JSON"


@dataclass
class RuachAccount:
    """``webhook`` is the account's address for receipts, which always come by GET."""

    webhook: str | None = None
    api_key: str | None = None
    client_id: str | None = None


@dataclass
class SmspmAccount:
    """``webhook`` is where receipts go that name no address of their own. ``shape`` is one of the
    published forms of a receipt: ``get``, ``post-json``, ``event``, or ``mixed`` for all three."""

    webhook: str | None = None
    hash: str | None = None
    token: str | None = None
    shape: str = "mixed"


Account = VonageAccount | RuachAccount | SmspmAccount
