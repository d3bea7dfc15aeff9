"""Every dialect, by the same tests: what it must read stands in ``cases``."""

import msgspec
import pytest
from provider_cases import DIALECTS, by_json

from delivrd.core.statement import Receipt
from delivrd.providers import names, provider
from delivrd.providers.base import Request, Unreadable
from delivrd.providers.parse import iso

CASES = [
    pytest.param(dialect, case, id=f"{dialect}: {case['name']}")
    for dialect in DIALECTS
    for case in dialect.cases
]
WORDS = [
    pytest.param(dialect, word, *meaning, id=f"{dialect}: {word}")
    for dialect in DIALECTS
    for word, meaning in dialect.statuses.items()
]
CODES = [
    pytest.param(dialect, code, *(*meaning, True)[:3], id=f"{dialect}: {code}")
    for dialect in DIALECTS
    for code, meaning in dialect.codes.items()
]
every_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=repr)


def told(receipt: Receipt) -> dict:
    """The fields that the receipt states."""
    values = msgspec.structs.asdict(receipt)
    values["occurred_at"] = iso(receipt.occurred_at)
    if not receipt.unmapped:
        del values["unmapped"]
    return {name: value for name, value in values.items() if value is not None}


def read_one(dialect, fields, shape=by_json) -> Receipt:
    (receipt,) = provider(dialect.provider).read(shape(fields), None).receipts
    return receipt


@pytest.mark.parametrize(("dialect", "case"), CASES)
def test_reads_what_the_provider_sends(dialect, case):
    of = provider(dialect.provider)
    settings = of.Settings(receive_only=True, **case["settings"]) if "settings" in case else None
    headers = [(name.lower(), value) for name, value in case.get("headers", {}).items()]
    if "content_type" in case:
        headers.append(("content-type", case["content_type"]))
    request = Request(
        case.get("method", "GET"),
        query=case.get("query", "").encode(),
        headers=tuple(headers),
        body=case.get("body", "").encode(),
    )
    reading = of.read(request, settings)
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


@pytest.mark.parametrize(("dialect", "word", "status", "final"), WORDS)
def test_each_word_means_what_the_vendor_says(dialect, word, status, final):
    for shape in dialect.shapes:
        receipt = read_one(dialect, dialect.fields(status=word), shape)
        assert (receipt.status, receipt.final, receipt.provider_status) == (status, final, word)
        assert not receipt.unmapped


@pytest.mark.parametrize(("dialect", "word", "status", "final"), WORDS)
@pytest.mark.parametrize("write", [str.upper, str.lower, " {} ".format])
def test_words_are_matched_in_any_case_and_trimmed(dialect, word, status, final, write):
    receipt = read_one(dialect, dialect.fields(status=write(word)))
    assert (receipt.status, receipt.final) == (status, final)
    assert receipt.provider_status == write(word).strip()


@pytest.mark.parametrize(("dialect", "code", "status", "reason", "final"), CODES)
def test_each_code_refines_a_failure(dialect, code, status, reason, final):
    receipt = read_one(dialect, dialect.fields(status=dialect.failing, code=code))
    assert (receipt.status, receipt.final) == (status, final)
    assert (receipt.reason, receipt.error_code) == (reason or None, code)
    assert not receipt.unmapped


@pytest.mark.parametrize(("dialect", "code", "status", "reason", "final"), CODES)
def test_no_code_makes_a_failure_of_what_arrived(dialect, code, status, reason, final):
    """Rule C3."""
    receipt = read_one(dialect, dialect.fields(code=code))
    assert (receipt.status, receipt.reason, receipt.permanent) == ("delivered", None, None)


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if d.codes], ids=repr)
def test_a_code_that_no_table_has_is_kept_and_marked(dialect):
    code = dialect.template.get("unknown_code", "4711")
    receipt = read_one(dialect, dialect.fields(code=code))
    assert (receipt.status, receipt.error_code, receipt.unmapped) == ("delivered", code, True)


@every_dialect
@pytest.mark.parametrize("word", ["", "sent_to_moon", "42", "é", "<script>", "x" * 5000])
def test_a_word_that_no_table_has_is_unknown_and_not_final(dialect, word):
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
