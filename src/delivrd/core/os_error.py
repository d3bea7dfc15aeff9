"""Errors of the operating system and of TLS in words: no numbers, no addresses of sockets."""

import os
import ssl


def in_words(error: OSError) -> str:
    """What an error says: "connection refused", "self-signed certificate"."""
    said = _said(error) or str(error) or type(error).__name__
    return said[:1].lower() + said[1:]


def _said(error: OSError) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return error.reason and error.reason.replace("_", " ").lower()
    number = error.errno or 0  # below 0 where a name could not be resolved
    return os.strerror(number) if number > 0 else error.strerror
