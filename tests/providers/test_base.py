import msgspec
import pytest
from pydantic import SecretStr

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import fields as f
from delivrd.providers.base import AccountSettings, Code, Request, Word, comparable, refine, same

FAILED = Word(Status.UNDELIVERED, True)
REJECTED = Word(Status.REJECTED, True)
EXPIRED = Word(Status.EXPIRED, True)


@pytest.mark.parametrize(
    ("word", "code", "status", "reason", "permanent"),
    [
        (FAILED, None, Status.UNDELIVERED, Reason.OTHER, False),
        (FAILED, Code("absent", Reason.UNREACHABLE), Status.UNDELIVERED, Reason.UNREACHABLE, False),
        (
            FAILED,
            Code("spam", Reason.BLOCKED_BY_CARRIER, Status.REJECTED),
            Status.REJECTED,
            Reason.BLOCKED_BY_CARRIER,
            True,
        ),
        (FAILED, Code("too late", None, Status.EXPIRED), Status.EXPIRED, Reason.EXPIRED, False),
        (FAILED, Code("absent for good", Reason.UNREACHABLE, None, True),
         Status.UNDELIVERED, Reason.UNREACHABLE, True),
        (REJECTED, None, Status.REJECTED, Reason.OTHER, True),
        (REJECTED, Code("busy", Reason.THROTTLED), Status.REJECTED, Reason.THROTTLED, False),
        (EXPIRED, None, Status.EXPIRED, Reason.EXPIRED, False),
        (EXPIRED, Code("unknown", Reason.OTHER), Status.EXPIRED, Reason.EXPIRED, False),
        (Word(Status.UNDELIVERED, True, Reason.DELETED), None,
         Status.UNDELIVERED, Reason.DELETED, True),
        (Word(Status.UNKNOWN, True, Reason.NO_HANDSET_PROOF), Code("x", Reason.ROAMING),
         Status.UNKNOWN, Reason.NO_HANDSET_PROOF, False),
    ],
)  # fmt: skip
def test_a_code_refines_a_failure(word, code, status, reason, permanent):
    refined, why, lasting = refine(word, code)
    assert (refined.status, refined.final, why, lasting) == (status, True, reason, permanent)


SPAM = Code("spam", Reason.BLOCKED_BY_CARRIER, Status.REJECTED)


@pytest.mark.parametrize("status", [Status.DELIVERED, Status.UNKNOWN])
def test_a_code_makes_no_failure(status):
    """Rule C3."""
    word = Word(status, False)
    assert refine(word, SPAM) == (word, None, None)


def test_what_is_pending_stays_so_and_keeps_the_reason_of_its_code():
    """The failure may follow without one (D22)."""
    word = Word(Status.PENDING, False)
    assert refine(word, SPAM) == (word, Reason.BLOCKED_BY_CARRIER, True)


@pytest.mark.parametrize(
    ("id_format", "one", "other", "equal"),
    [
        (None, "0A1", "0a1", False),
        ("lower", "0A1", "0a1", True),
        ("lower", "0A1", "A1", False),
        ("strip-zeros", "0A1", "A1", True),
        ("strip-zeros", "000", "0", True),
        ("hex", "0A1", "a1", True),
        ("hex", "10", "16", False),
        ("hex", "xyz", "XYZ", False),
        ("decimal", "0010", "10", True),
        ("decimal", "1_0", "10", False),
        ("decimal", " 10", "10", False),
        ("decimal", "9" * 5000, "9" * 5000, True),
    ],
)
def test_how_ids_compare_is_the_account_s_setting(id_format, one, other, equal):
    """Failure mode D16."""
    assert (comparable(one, id_format) == comparable(other, id_format)) is equal


@pytest.mark.parametrize(
    ("given", "secret", "equal"),
    [("a", "a", True), ("a", b"a", True), ("é", "é".encode(), True), ("a", "b", False),
     ("", "", False), ("a", "", False), ("", "a", False)],
)  # fmt: skip
def test_an_empty_secret_equals_nothing(given, secret, equal):
    assert same(given, secret) is equal


@pytest.mark.parametrize(
    "given", ["one secret", ["one secret"], ("one secret",), SecretStr("one secret")]
)
def test_one_secret_or_a_list_of_them(given):
    settings = AccountSettings(provider="x", webhook_secret=given)
    assert [secret.get_secret_value() for secret in settings.webhook_secret] == ["one secret"]


def test_a_wrong_setting_does_not_show_its_value():
    with pytest.raises(ValueError, match="webhook_secret") as error:
        AccountSettings(provider="x", webhook_secret=[["hush hush hush"]])
    assert "hush" not in str(error.value)


def test_a_request_with_another_body_is_parsed_anew():
    """The fields are kept with the request; unpacking makes another one of it."""
    request = Request("POST", body=b'{"id":"packed"}')
    assert f.of(request) is f.of(request)
    unpacked = msgspec.structs.replace(request, body=b'{"id":"unpacked"}')
    assert f.of(unpacked) == {"id": "unpacked"}


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("0.03330000", "0.03330000"),
        ("-0.0075", "-0.0075"),
        (".5", ".5"),
        ("5e-2", "0.05"),
        ("0,04870000", "0.04870000"),
        ("0,045", "0.045"),
        ("1,5", "1.5"),
        ("1,0240", "1.0240"),
        ("1,024", None),
        ("1,024.50", None),
        ("1,2,3", None),
        (",5", None),
        ("free", None),
        ("", None),
    ],
)
def test_an_amount_is_a_decimal_number_as_written(written, amount):
    """What may be a thousand is none."""
    assert f.amount({"price": written}, "price") == amount
