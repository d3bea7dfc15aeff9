"""The text of SMPP receipts, in all the ways in which message centres write it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from delivrd.core.smpp_receipt import (
    SmppReceipt,
    date,
    decode,
    is_intermediate,
    is_receipt,
    network_error,
    parse,
    write,
)

WHOLE = (
    "id:0123456789 sub:001 dlvrd:001 submit date:0809011130 done date:0809011131 "
    "stat:DELIVRD err:000 text:Hello you"
)
ALL = SmppReceipt(
    id="0123456789",
    sub="001",
    dlvrd="001",
    submit_date="0809011130",
    done_date="0809011131",
    stat="DELIVRD",
    err="000",
    text="Hello you",
)


def test_the_text_of_the_specification():
    assert parse(WHOLE) == ALL
    assert write(ALL) == WHOLE


@pytest.mark.parametrize(
    ("text", "receipt"),
    [
        ("stat:DELIVRD id:7", SmppReceipt(id="7", stat="DELIVRD")),
        ("ID:7 STAT:delivrd Text:a", SmppReceipt(id="7", stat="delivrd", text="a")),
        ("id:7\tsub:1\r\nstat:\n DELIVRD", SmppReceipt(id="7", sub="1", stat="DELIVRD")),
        ("id : 7  stat :  DELIVRD  ", SmppReceipt(id="7", stat="DELIVRD")),
        ("id:7,stat:DELIVRD,", SmppReceipt(id="7", stat="DELIVRD")),
        ("submitdate:1 done_date:2 submit  date:3", SmppReceipt(submit_date="1", done_date="2")),
        ("id:a id:b stat:EXPIRED", SmppReceipt(id="a", stat="EXPIRED")),
        ("id: sub:001 stat:", SmppReceipt(sub="001")),
        ("id:null sub:None dlvrd:... err:NULL stat:x", SmppReceipt(stat="x")),
        ("id:1 stat:DELIVRD err:ND", SmppReceipt(id="1", stat="DELIVRD")),
        ("XMS=id:86 stat:DELIVRD", SmppReceipt(id="86", stat="DELIVRD")),
        ("4193#id:86 stat:DELIVRD", SmppReceipt(id="86", stat="DELIVRD")),
        ("Hi there^id:86 stat:DELIVRD", SmppReceipt(id="86", stat="DELIVRD")),
        ("id:7 err:0 text: stat:DELIVRD", SmppReceipt(id="7", err="0", stat="DELIVRD", text="")),
        ("id:7 err:0 text:stat:DELIVRD", SmppReceipt(id="7", err="0", text="stat:DELIVRD")),
        ("id:7 stat:UNDELIV text: stat:DELIVRD", SmppReceipt(
            id="7", stat="UNDELIV", text="stat:DELIVRD")),
        ("id:7 stat:DELIVRD text:stat:UNDELIV id:8", SmppReceipt(
            id="7", stat="DELIVRD", text="stat:UNDELIV id:8")),
        ("id:7 err:000 hello you", SmppReceipt(id="7", err="000", text="hello you")),
        ("id:7 done date:2 DELIVRD err:000", SmppReceipt(
            id="7", done_date="2", stat="DELIVRD", err="000")),
        ("id:7 done date:2 DELIVRD stat:UNDELIV", SmppReceipt(
            id="7", done_date="2", stat="UNDELIV")),
        ("id:7 done date:2 hello err:000", SmppReceipt(id="7", done_date="2", err="000")),
        ("id:7 done date:2013-02-17 00:04:32 stat:DELIVRD", SmppReceipt(
            id="7", done_date="2013-02-17 00:04:32", stat="DELIVRD")),
        ("id:7 stat:FAILED:Mob. Abst.|nt ext|out ser err:100", SmppReceipt(
            id="7", stat="FAILED", err="100")),
        ("id:7 text:", SmppReceipt(id="7", text="")),
        ("id:7 text:\x04\x1a", SmppReceipt(id="7", text="\x04\x1a")),
        ("id:7 stat:DELIVRD\0", SmppReceipt(id="7", stat="DELIVRD")),
        ("\0i\0d\0:\0007\0 \0s\0t\0a\0t\0:\0X", SmppReceipt(id="7", stat="X")),
        ("id:12.3-4+ err:21b", SmppReceipt(id="12.3-4+", err="21b")),
        ("vendor_id:opaque id:7 stat:DELIVRD", SmppReceipt(id="7", stat="DELIVRD")),
        ("Your paid:5 and void:6", SmppReceipt()),
        ("", SmppReceipt()),
    ],
)  # fmt: skip
def test_what_message_centres_make_of_it(text, receipt):
    """Failure mode D17."""
    assert parse(text) == receipt


VALUES = st.none() | st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=":,;"), min_size=1
).filter(lambda value: value.lower() not in ("...", "null", "none", "nd"))


def receipts(characters):
    texts = st.none() | st.text(characters).map(lambda text: text.strip(" \t\r\n"))
    return st.builds(
        SmppReceipt, id=VALUES, sub=VALUES, dlvrd=VALUES, submit_date=VALUES, done_date=VALUES,
        stat=VALUES, err=VALUES, text=texts,
    )  # fmt: skip


@given(receipts(st.characters(exclude_characters="\0", codec="utf-8")))
def test_what_is_written_reads_the_same(receipt):
    assert parse(decode(write(receipt).encode())) == receipt


@given(receipts(st.characters(min_codepoint=1, max_codepoint=127)))
@pytest.mark.parametrize("coding", ["utf-16-be", "utf-16-le"])
def test_in_ucs2_it_reads_the_same(coding, receipt):
    assert parse(decode(write(receipt).encode(coding))) == receipt


KEYS = st.sampled_from([b"id:", b" stat:", b" done date:", b" text:", b"\0"])


@given(st.lists(KEYS | st.binary()).map(b"".join))
def test_of_any_bytes_texts_are_read_that_a_store_can_keep(raw):
    read = [value for value in astuple(parse(decode(raw))) if value is not None]
    assert not any("\0" in value for value in read)
    assert [value.encode().decode() for value in read] == read


@given(
    st.text()
    | st.from_regex(r"\d{9,16}", fullmatch=True)
    | st.datetimes(datetime(2000, 1, 1), datetime(2026, 1, 1)).map("{:%y%m%d%H%M}".format)
)
def test_any_date_is_a_time_in_utc_or_none(text):
    moment = date(text)
    assert moment is None or moment.tzinfo is UTC


def test_bytes_that_are_no_utf8_cost_only_their_own_characters():
    assert parse(decode(b"id:7 stat:DELIVRD text:caf\xe9")).text == "café"


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("1305050826", "2013-05-05T08:26:00+00:00"),
        ("150519232657", "2015-05-19T23:26:57+00:00"),
        ("201506201641", "2015-06-20T16:41:00+00:00"),
        ("20110314181741", "2011-03-14T18:17:41+00:00"),
        ("2013-02-17 00:04:32", "2013-02-17T00:04:32+00:00"),
        ("180711070003912+", "2018-07-11T04:00:03.900000+00:00"),
        ("180711070003912-", "2018-07-11T10:00:03.900000+00:00"),
    ],
)
def test_dates_of_all_lengths(written, moment):
    assert date(written).isoformat() == moment


def test_a_date_without_an_offset_is_in_the_zone_of_the_bind():
    assert date("2607010930", ZoneInfo("Europe/Vienna")) == datetime(2026, 7, 1, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [None, "", "0000000000", "000000000000", "00000000000000", "1305050", "13050508261",
     "1305050826123", "2013-05-05", "yymmddhhmm", "9913320000", "１３０５０５０８２６"],
)  # fmt: skip
def test_any_other_date_is_none(written):
    assert date(written) is None


@pytest.mark.parametrize("esm_class", [0x04, 0x08, 0x10, 0x20, 0x44, 0xC4])
def test_esm_class_marks_a_receipt(esm_class):
    assert is_receipt(esm_class)
    assert is_intermediate(esm_class) is (esm_class == 0x20)


@pytest.mark.parametrize("esm_class", [0x00, 0x03, 0x40, 0x18, 0x24])
def test_esm_class_marks_no_receipt(esm_class):
    """Failure mode D17."""
    assert not is_receipt(esm_class)


def test_the_networks_code():
    assert network_error(b"\x03\x00\x1b") == "27"
    assert network_error(b"\x03\x00") is None
