"""What each signed push needs: a secret, which may have to be wrong, and a unique nonce."""

from hashlib import blake2b

from delivrd.simulator.journal import Push


def signing_secret(push: Push, secret: str | None) -> str | None:
    """The secret to sign this push with; None if it gets no signature.

    It is ``secret``, if the account has one. A push that must not be authentic gets a wrong one or
    none, about half of them each.
    """
    if not secret or push.authentic:
        return secret
    return f"{secret}x" if mark(push)[0] % 2 else None


def mark(push: Push, size: int = 16) -> bytes:
    """Bytes unique to this push, for nonces and event ids; the same in every run of a seed."""
    place = f"{push.part.id}/{push.part.pushes.index(push)}"
    return blake2b(place.encode(), digest_size=size).digest()
