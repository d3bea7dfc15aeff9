"""An operator's own meanings of words and codes, over those of a dialect's tables."""

import json
from urllib.parse import urlencode

import pytest

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import provider
from delivrd.providers.base import Request
from delivrd.providers.overrides import CodeMeaning, Overrides, WordMeaning, overridden
from delivrd.providers.reading import meaning_of
from tests.providers.provider_cases import DIALECTS, request_of

VONAGE = provider("vonage")
OURS = overridden(
    VONAGE,
    Overrides(
        words={"Moved": WordMeaning(status="undelivered", final=True, reason="ported")},
        codes={
            "777": CodeMeaning(reason="blocked_by_carrier", status="rejected", words="New filter"),
            "6": CodeMeaning(reason="throttled", permanent=False),
        },
    ),
)

FAILED = WordMeaning(status="undelivered", final=True)


def receipt(status, code="0", of=OURS):
    told = {"messageId": "1", "status": status, "err-code": code}
    (found,) = of.read(Request("GET", query=urlencode(told).encode()), None).receipts
    return found


def test_a_word_in_no_table_gets_its_meaning():
    assert receipt("moved", of=VONAGE).unmapped
    found = receipt("MOVED")
    assert (found.status, found.final, found.reason) == (Status.UNDELIVERED, True, Reason.PORTED)
    assert (found.provider_status, found.unmapped) == ("MOVED", False)


def test_a_code_in_no_table_refines_a_failure():
    assert receipt("failed", "777", of=VONAGE).unmapped
    found = receipt("failed", "777")
    assert (found.status, found.reason) == (Status.REJECTED, Reason.BLOCKED_BY_CARRIER)
    assert (found.permanent, found.unmapped, found.error_code) == (True, False, "777")


def test_a_code_of_the_table_means_what_the_operator_says():
    assert receipt("failed", "6", of=VONAGE).status is Status.REJECTED
    found = receipt("failed", "6")
    assert (found.status, found.reason) == (Status.UNDELIVERED, Reason.THROTTLED)
    assert found.permanent is False


@pytest.mark.parametrize("word", ["UNDELIVERABLE_NOT_DELIVERED", "NOT_SEEN_BEFORE"])
def test_an_error_told_by_its_name_keeps_its_reason_beside_the_operators_word(word):
    ours = overridden(provider("infobip"), Overrides(words={word: FAILED}))
    told = {"messageId": "1", "status": {"name": word}, "error": {"name": "EC_ABSENT_SUBSCRIBER"}}
    (found,) = ours.read(Request("POST", body=json.dumps(told).encode()), None).receipts
    assert (found.status, found.reason) == (Status.UNDELIVERED, Reason.UNREACHABLE)
    assert not found.unmapped


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("code", ["5", "4711"], ids=["of the table", "of no table"])
@pytest.mark.parametrize("reason", [Reason.UNREACHABLE, Reason.UNKNOWN_NUMBER])
def test_the_gateways_own_flag_stands_beside_the_operators_reason(code, flag, reason):
    found = infobip_receipt(code, flag, CodeMeaning(reason=reason))
    assert (found.reason, found.permanent) == (reason, flag)


def test_an_operator_may_contradict_the_gateways_flag():
    meaning = CodeMeaning(reason="unknown_number", permanent=False)
    assert infobip_receipt("5", True, meaning).permanent is False


def test_no_flag_makes_a_failure_of_what_the_operator_calls_delivered():
    words = {"REJECTED": WordMeaning(status="delivered", final=True)}
    assert infobip_receipt("5", True, words=words).permanent is None


def infobip_receipt(code, flag, meaning=None, **others):
    codes = {code: meaning} if meaning else {}
    ours = overridden(provider("infobip"), Overrides(codes=codes, **others))
    error = {"id": code, "permanent": flag}
    told = {"messageId": "1", "status": {"name": "REJECTED"}, "error": error}
    (found,) = ours.read(Request("POST", body=json.dumps(told).encode()), None).receipts
    return found


@pytest.mark.parametrize("code", ["11", "0xb", "0x0000000b"])
def test_a_refusals_code_in_either_base_keeps_its_reason_beside_the_operators_word(code):
    found = kannel_receipt(f"NACK/{code}/Invalid")
    assert (found.status, found.reason) == (Status.REJECTED, Reason.UNKNOWN_NUMBER)
    assert (found.unmapped, found.error_code) == (False, code)


def test_a_message_centres_own_code_gets_no_refusals_reason():
    assert kannel_receipt("id:1 stat:REJECTD err:11 text:").reason is Reason.OTHER


def kannel_receipt(reply):
    ours = overridden(provider("kannel"), Overrides(words={"16": FAILED}))
    told = urlencode({"id": "1", "d": "16", "A": reply}).encode()
    (found,) = ours.read(Request("GET", query=told), None).receipts
    return found


@pytest.mark.parametrize("word", ["delivered", "buffered"])
def test_no_code_turns_another_status_into_a_failure(word):
    """Rule C3."""
    assert receipt(word, "777").status == receipt(word).status


def test_a_known_word_beside_an_unknown_code_stays_unmapped():
    assert receipt("moved", "4711").unmapped
    assert receipt("gone", "777").unmapped


def test_all_else_reads_as_before():
    assert receipt("failed", "9") == receipt("failed", "9", of=VONAGE)
    assert overridden(VONAGE, None) is VONAGE


@pytest.mark.parametrize("dialect", DIALECTS, ids=repr)
def test_a_reason_of_ones_own_changes_nothing_else_of_what_an_adapter_read(dialect):
    """Rule C3; adapters read more than the word: the code beside it, flags, kinds of PDUs."""
    of = provider(dialect.provider)
    for case in dialect.cases:
        request = request_of(case)
        settings = (
            of.Settings(receive_only=True, **case["settings"]) if "settings" in case else None
        )
        for position, found in enumerate(of.read(request, settings).receipts):
            known = meaning_of(of, found.error_code or "", found.reason)
            if not found.error_code or (known and known.status):
                continue
            codes = {found.error_code: CodeMeaning(reason="other")}
            ours = overridden(of, Overrides(codes=codes)).read(request, settings)
            again = ours.receipts[position]
            assert (again.status, again.final) == (found.status, found.final), case["name"]
            assert not again.unmapped or found.unmapped, case["name"]
