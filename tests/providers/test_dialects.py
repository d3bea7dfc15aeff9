"""Every dialect, by the same tests: what it must read stands in ``cases``."""

import msgspec
import pytest

from delivrd.core.statement import Receipt
from delivrd.providers import names, provider
from delivrd.providers.base import Request, Unreadable
from delivrd.providers.parse import iso
from tests.providers.provider_cases import DIALECTS, by_json, request_of

CASES = [
    pytest.param(dialect, case, id=f"{dialect}: {case['name']}")
    for dialect in DIALECTS
    for case in dialect.cases
]
every_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=repr)
with_codes = pytest.mark.parametrize("dialect", [d for d in DIALECTS if d.codes], ids=repr)


def told(receipt: Receipt) -> dict:
    """The fields that the receipt states."""
    values = msgspec.structs.asdict(receipt)
    values["occurred_at"] = iso(receipt.occurred_at)
    for name in ("unmapped", "flagged"):
        if not values[name]:
            del values[name]
    return {name: value for name, value in values.items() if value is not None}


def read_one(dialect, fields, shape=by_json) -> Receipt:
    (receipt,) = provider(dialect.provider).read(shape(fields), None).receipts
    return receipt


@pytest.mark.parametrize(("dialect", "case"), CASES)
def test_reads_what_the_provider_sends(dialect, case):
    of = provider(dialect.provider)
    settings = of.Settings(receive_only=True, **case["settings"]) if "settings" in case else None
    reading = of.read(request_of(case), settings)
    assert reading.kind == case.get("kind", "receipts")
    expected = [case["receipt"]] if "receipt" in case else case.get("receipts", [])
    assert [told(receipt) for receipt in reading.receipts] == expected
    assert [fault.position for fault in reading.faults] == case.get("faults", [])


@pytest.mark.parametrize("name", names())
def test_the_cases_name_every_word_and_code_of_the_tables(name):
    own = [dialect for dialect in DIALECTS if dialect.provider == name]
    words = {word for dialect in own for word in dialect.statuses}
    codes = {code for dialect in own for code in dialect.codes}
    assert words == set(provider(name).statuses)
    assert not codes or codes == set(provider(name).errors)


@every_dialect
def test_each_word_means_what_the_vendor_says(dialect):
    for shape in dialect.shapes:
        read = {w: read_one(dialect, dialect.fields(status=w), shape) for w in dialect.statuses}
        assert {w: [r.status, r.final] for w, r in read.items()} == dialect.statuses
        assert [r.provider_status for r in read.values()] == list(dialect.statuses)
        assert not any(r.unmapped for r in read.values())


@every_dialect
@pytest.mark.parametrize("write", [str.upper, str.lower, " {} ".format])
def test_words_are_matched_in_any_case_and_trimmed(dialect, write):
    written = {w: read_one(dialect, dialect.fields(status=write(w))) for w in dialect.statuses}
    assert {w: [r.status, r.final] for w, r in written.items()} == dialect.statuses
    assert all(r.provider_status == write(w).strip() for w, r in written.items())


@with_codes
def test_each_code_refines_a_failure(dialect):
    failed = dialect.failing
    read = {c: read_one(dialect, dialect.fields(status=failed, code=c)) for c in dialect.codes}
    told = {c: [r.status, r.reason or "", r.final] for c, r in read.items()}
    assert told == {code: [*meaning, True][:3] for code, meaning in dialect.codes.items()}
    assert [r.error_code for r in read.values()] == list(dialect.codes)
    assert not any(r.unmapped for r in read.values())


@with_codes
def test_no_code_makes_a_failure_of_what_arrived(dialect):
    """Rule C3."""
    read = {code: read_one(dialect, dialect.fields(code=code)) for code in dialect.codes}
    told = {(r.status, r.reason, r.permanent) for r in read.values()}
    assert told == {("delivered", None, None)}


@with_codes
def test_a_code_in_no_table_is_kept_and_marked(dialect):
    code = dialect.template.get("unknown_code", "4711")
    receipt = read_one(dialect, dialect.fields(code=code))
    assert (receipt.status, receipt.error_code, receipt.unmapped) == ("delivered", code, True)


@with_codes
@pytest.mark.parametrize("write", [str.upper, str.lower])
def test_codes_are_matched_in_any_case(dialect, write):
    failed, codes = dialect.failing, dialect.codes
    read = {c: read_one(dialect, dialect.fields(status=failed, code=write(c))) for c in codes}
    told = {code: [r.status, r.reason or ""] for code, r in read.items()}
    assert told == {code: meaning[:2] for code, meaning in codes.items()}
    assert not any(r.unmapped for r in read.values())


@with_codes
@pytest.mark.parametrize("code", ["0", "000"])
def test_zeros_say_that_there_is_no_code(dialect, code):
    receipt = read_one(dialect, dialect.fields(code=code))
    assert (receipt.status, receipt.unmapped) == ("delivered", False)


@every_dialect
@pytest.mark.parametrize("word", ["", "sent_to_moon", "42", "é", "<script>", "x" * 5000])
def test_a_word_in_no_table_is_unknown_and_not_final(dialect, word):
    """Failure mode D19."""
    receipt = read_one(dialect, dialect.fields(status=word))
    assert (receipt.status, receipt.final, receipt.unmapped) == ("unknown", False, True)
    assert receipt.provider_status == (word[:64] or None)


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if not d.orphans], ids=repr)
def test_without_an_id_nothing_can_be_told(dialect):
    for shape in dialect.shapes:
        with pytest.raises(Unreadable, match="there is no"):
            provider(dialect.provider).read(shape(dialect.fields(id="")), None)


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if d.orphans], ids=repr)
def test_without_an_id_an_orphan_is_read(dialect):
    assert read_one(dialect, dialect.fields(id="")).provider_message_id is None


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if "to" in d.template], ids=repr)
@pytest.mark.parametrize(
    ("written", "to"),
    [
        ("+447700900123", "447700900123"),
        (" 447700900123", "447700900123"),
        ("00447700900123", "447700900123"),
        ("44 7700 900-123", "447700900123"),
        ("4477***123", "4477***123"),
        ("", None),
    ],
)
def test_the_recipient_is_digits_as_far_as_it_is_told(dialect, written, to):
    assert read_one(dialect, dialect.fields(to=written)).to == to


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_empty_call_is_a_probe(name, method):
    assert provider(name).read(Request(method), None).kind == "probe"


@every_dialect
def test_receipts_are_answered_with_200(dialect):
    of, request = provider(dialect.provider), by_json(dialect.fields())
    assert of.answer(request, of.read(request, None)).status == 200


@every_dialect
def test_the_same_request_reads_the_same_twice(dialect):
    assert read_one(dialect, dialect.fields()) == read_one(dialect, dialect.fields())
