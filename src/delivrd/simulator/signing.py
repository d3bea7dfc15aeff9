"""Helpers of the dialects that sign their receipts."""

from hashlib import blake2b

from delivrd.simulator.journal import Push


def key(push: Push, secret: str | None) -> str:
    """The key to sign with; empty if the push gets no signature.

    Without a secret there is none. A push that must not be authentic gets a wrong key, or none.
    """
    if not secret or push.authentic:
        return secret or ""
    return f"{secret}x" if _drawn(push)[0] % 2 else ""


def nonce(push: Push) -> str:
    """32 characters, unique to this push."""
    return _drawn(push).hex()


def _drawn(push: Push) -> bytes:
    place = f"{push.part.id}/{push.part.pushes.index(push)}"
    return blake2b(place.encode(), digest_size=16).digest()
