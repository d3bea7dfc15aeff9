"""Errors of the operating system and of TLS, as people read them."""

import errno
import socket
import ssl

import pytest

from delivrd.core.os_error import in_words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)"),
         "connection refused"),
        (ConnectionResetError(errno.ECONNRESET, "[Errno 104]"), "connection reset by peer"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
         "name or service not known"),
        (OSError("Multiple exceptions: a, b"), "multiple exceptions: a, b"),
        (TimeoutError(), "TimeoutError"),
    ],
)  # fmt: skip
def test_an_error_is_told_without_numbers_and_addresses(error: OSError, words: str) -> None:
    assert in_words(error).lower() == words.lower()


def test_an_abbreviation_at_the_beginning_stays_as_it_is() -> None:
    error = ssl.SSLCertVerificationError(1, "")
    error.verify_message = "IP address mismatch"
    assert in_words(error) == "IP address mismatch"


def test_tls_errors_are_told_by_their_reason_and_not_as_errors_of_the_system() -> None:
    context = ssl.create_default_context()
    talk = context.wrap_bio(into := ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="a.example")
    into.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ssl.SSLError) as caught:
        talk.do_handshake()
    assert caught.value.errno == ssl.SSL_ERROR_SSL == errno.EPERM
    assert in_words(caught.value) == "wrong version number"
