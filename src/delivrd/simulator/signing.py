"""What the dialects share that sign their receipts."""

from hashlib import blake2b

from delivrd.simulator.journal import Push


def key(push: Push, secret: str | None) -> str:
    """The key to sign with; empty where the push gets no signature.

    That is so without a secret. A push that is not to be authentic gets another key, or none.
    """
    if not secret or push.authentic:
        return secret or ""
    return f"{secret}x" if _drawn(push)[0] % 2 else ""


def nonce(push: Push) -> str:
    """32 characters that no other push has."""
    return _drawn(push).hex()


def _drawn(push: Push) -> bytes:
    place = f"{push.part.id}/{push.part.pushes.index(push)}"
    return blake2b(place.encode(), digest_size=16).digest()
