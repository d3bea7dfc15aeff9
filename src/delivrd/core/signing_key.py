"""The keys of Standard Webhooks: ``whsec_``, then 24 to 64 bytes in base64.

Source: github.com/standard-webhooks/standard-webhooks, spec.
"""

import base64
from functools import lru_cache

PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64


@lru_cache(maxsize=256)
def key(secret: str) -> bytes:
    """The key in a secret.

    Raises:
        ValueError: it is not such a secret; the message does not repeat it.
    """
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise ValueError(f"a secret is {PREFIX} and base64") from None
    if not _SHORTEST <= len(found) <= _LONGEST:
        raise ValueError(
            f"a secret holds {_SHORTEST} to {_LONGEST} bytes in base64, this one {len(found)}"
        )
    return found
