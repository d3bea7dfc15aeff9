"""What reaches the log: no secret in any form, no whole phone number, no library's noise."""

import io
import json
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from delivrd.log import Redactor, configure, mask_number

SECRET = "s3cret/with +odd\"chars'ä"
SECRETS = {"accounts.main.api_secret": SECRET}


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, before = list(root.handlers), root.level, structlog.get_config()
    yield
    root.handlers[:], root.level = handlers, level
    structlog.configure(**before)


def logged(**wanted: bool) -> io.StringIO:
    stream = io.StringIO()
    configure(SECRETS, stream=stream, **wanted)
    return stream


@pytest.mark.parametrize("json_lines", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"https://gateway.example/send?secret={quote(SECRET, safe='')}&x=1",
        json.dumps({"secret": SECRET}),
        repr(SECRET),
    ],
)
def test_a_secret_never_shows(json_lines: bool, text: str) -> None:
    stream = logged(json_lines=json_lines)
    structlog.get_logger("x").info(text, nested={"deep": [text, text.encode()]}, key=text)
    logging.getLogger("some.library").warning("called %s", text)
    try:
        raise ValueError(text)
    except ValueError:
        structlog.get_logger("x").exception("failed")
        logging.getLogger("some.library").exception("failed")
    assert "3cret" not in stream.getvalue()
    assert "{secret:accounts.main.api_secret}" in stream.getvalue()


@given(st.text(min_size=12), st.text(), st.text())
def test_a_redacted_text_does_not_hold_the_secret(secret: str, before: str, after: str) -> None:
    pieces = Redactor({"a": secret}).text(before + secret + after).split("{secret:a}")
    assert len(pieces) > 1
    assert not any(secret in piece for piece in pieces)


def test_the_longer_of_two_secrets_is_replaced_whole() -> None:
    redactor = Redactor({"short": "0123456789ab", "long": "0123456789abcdef"})
    assert redactor.text("0123456789abcdef") == "{secret:long}"


def test_without_secrets_nothing_is_replaced() -> None:
    assert Redactor({}).text("as it is") == "as it is"


def test_lines_are_json_where_nobody_looks() -> None:
    stream = logged()
    structlog.get_logger("delivrd.intake").info("stored", count=3)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["count"], line["level"], line["logger"]) == (
        "stored",
        3,
        "info",
        "delivrd.intake",
    )
    assert line["timestamp"].endswith("Z")


def test_numbers_are_masked_under_the_keys_of_numbers() -> None:
    stream = logged(json_lines=True)
    message = {"to": "+447700900123", "from": "Acme", "id": "447700900123"}
    structlog.get_logger("x").info("sent", to="447700900123", sender=447700900123, message=message)
    line = json.loads(stream.getvalue())
    assert line["to"] == line["sender"] == "44••••••0123"
    assert line["message"] == {"to": "+44••••••0123", "from": "Acme", "id": "447700900123"}


@pytest.mark.parametrize(
    "name", ["Acme", "", "12345", "+44•••••0123", "١٢٣٤٥٦٧٨٩", "1-800-FLOWERS"]
)
def test_what_is_no_whole_number_stays(name: str) -> None:
    assert mask_number(name) == name


@given(st.from_regex(r"\+?[0-9]{7,15}", fullmatch=True))
def test_a_masked_number_shows_at_most_six_digits(number: str) -> None:
    masked = mask_number(number)
    assert len(masked) == len(number)
    assert sum(c.isdigit() for c in masked) <= 6
    assert "•" in masked


@pytest.mark.parametrize("name", ["aiohttp.access", "aiohttp.client", "httpx", "uvicorn.access"])
def test_loggers_that_write_whole_addresses_are_off(name: str) -> None:
    stream = logged()
    logging.getLogger(name).error("GET /webhooks/main/path-secret")
    assert stream.getvalue() == ""
