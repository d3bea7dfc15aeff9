"""Errors in words: those of the system and of TLS without numbers and addresses of sockets."""

import os
import ssl


def in_words(error: BaseException) -> str:
    """What an error says: "connection refused", "self-signed certificate"; if nothing, its name."""
    said = _said(error) if isinstance(error, OSError) else None
    if not said:
        return str(error) or type(error).__name__
    return said if said[1:2].isupper() else said[0].lower() + said[1:]  # such as "IP address …"


def _said(error: OSError) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return error.reason and error.reason.replace("_", " ").lower()
    number = error.errno or 0  # below 0 where a name could not be resolved
    return os.strerror(number) if number > 0 else error.strerror
