from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.core.statement import moment
from delivrd.core.times import parse, zone

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LAGOS = ZoneInfo("Africa/Lagos")


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2017-06-29 22:40:30", utc(2017, 6, 29, 22, 40, 30)),
        ("2017/06/29 22:40:30", utc(2017, 6, 29, 22, 40, 30)),
        ("2018-10-25T12:10:29Z", utc(2018, 10, 25, 12, 10, 29)),
        ("2020-01-01T12:00:00.000+00:00", utc(2020, 1, 1, 12)),
        ("2020-01-01T12:00:00.000+0000", utc(2020, 1, 1, 12)),
        ("2020-01-01T12:00:00+02", utc(2020, 1, 1, 10)),
        ("2020-01-01 12:00:00 +0200", utc(2020, 1, 1, 10)),
        ("2020-01-01 12:00:00 0200", utc(2020, 1, 1, 10)),
        ("2020-01-01T12:00:00.000 0200", utc(2020, 1, 1, 10)),
        ("2020-01-01 12:00:00 -05:30", utc(2020, 1, 1, 17, 30)),
        ("2020-01-01 12:00:00 UTC", utc(2020, 1, 1, 12)),
        ("2020-01-01 12:00", utc(2020, 1, 1, 12)),
        ("2019-05-1 15:18:20", utc(2019, 5, 1, 15, 18, 20)),  # smso/slate: the status of a message
        ("2019-5-1T1:2:3.5Z", utc(2019, 5, 1, 1, 2, 3, 500_000)),
        ("2010/8/2 4:55:10 UTC", utc(2010, 8, 2, 4, 55, 10)),
        (" 2020-01-01 12:00:00 ", utc(2020, 1, 1, 12)),
        # Tests of public handlers of Vonage's receipts.
        ("2015-06-06+10%3A03%3A25", utc(2015, 6, 6, 10, 3, 25)),
        ("2020-01-01T12%3A00%3A00%2B02%3A00", utc(2020, 1, 1, 10)),
        # Alibaba Cloud's webhook of SMS, and Twilio's resource of messages.
        ("Thu, 25 Nov 2021 10:27:33 +0800", utc(2021, 11, 25, 2, 27, 33)),
        ("Thu, 25 Nov 2021 10:27:33  0800", utc(2021, 11, 25, 2, 27, 33)),
        ("Mon, 7 Feb 2022 09:05:00 GMT", utc(2022, 2, 7, 9, 5)),
        ("20241225100007", utc(2024, 12, 25, 10, 0, 7)),
        ("241225100007", utc(2024, 12, 25, 10, 0, 7)),
        ("202412251000", utc(2024, 12, 25, 10)),
        ("241225100007504+", utc(2024, 12, 25, 9, 0, 7, 500_000)),
        ("241225100007504-", utc(2024, 12, 25, 11, 0, 7, 500_000)),
        ("1700000000", utc(2023, 11, 14, 22, 13, 20)),
        ("1700000000123", utc(2023, 11, 14, 22, 13, 20, 123_000)),
        ("1700000000.5", utc(2023, 11, 14, 22, 13, 20, 500_000)),
        ("1700000000123.0", utc(2023, 11, 14, 22, 13, 20, 123_000)),
        (1700000000, utc(2023, 11, 14, 22, 13, 20)),
        (1700000000.5, utc(2023, 11, 14, 22, 13, 20, 500_000)),
    ],
)
def test_the_forms_that_gateways_write(written, moment):
    assert parse(written, now=NOW) == moment


@pytest.mark.parametrize(
    "written",
    [
        "", " ", "0", "0000-00-00 00:00:00", "0000000000", "000000000000", "00000000000000",
        "2024-02-30 00:00:00", "2024-13-01 00:00:00", "25:00", "yesterday", "null", "None", "...",
        "Thu, 25 Foo 2021 10:27:33", "Thu, 25 Nov 2021 ", "Thu, 31 Nov 2021 10:27:33 GMT",
        "1999-12-31 23:59:59", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
        "2026-11-23 13:00:01", "9" * 10, "9" * 20, "9" * 39, "1" * 5000, "1e400", "nan", "inf",
        "１２３４５６７８９０", "2020-01-01\0", "2020%", "%", None, True, False, {}, [], b"2020",
        10**400, 1e308, float("nan"), float("inf"), -1,
    ],
)  # fmt: skip
def test_what_cannot_be_true_or_read_is_none(written):
    """Failure mode D28."""
    assert parse(written, now=NOW) is None
    assert parse(written, LAGOS, now=NOW, smpp=True) is None


def test_two_days_ahead_is_still_believed():
    """Zones are mixed up often enough."""
    assert parse("2026-11-23 12:00:00", now=NOW) == NOW + timedelta(days=2)


@pytest.mark.parametrize(
    ("smpp", "moment"), [(True, utc(2012, 8, 12, 13, 59)), (False, utc(2008, 4, 13, 21, 15, 59))]
)
def test_ten_digits_are_what_the_dialect_says(smpp, moment):
    assert parse("1208121359", now=NOW, smpp=smpp) == moment


def test_a_time_that_was_read_before_is_judged_by_the_clock_and_the_zone_of_now():
    written = "2026-11-24 12:00:00"
    assert parse(written, now=NOW) is None
    assert parse(written, now=NOW + timedelta(days=1)) == NOW + timedelta(days=3)
    assert parse(written, LAGOS, now=NOW + timedelta(days=1)) == utc(2026, 11, 24, 11)
    assert parse(written, now=NOW) is None


def test_times_without_a_zone_are_in_the_dialect_s():
    assert parse("2024-12-25 10:00:07", LAGOS, now=NOW) == utc(2024, 12, 25, 9, 0, 7)
    assert parse("2024-12-25T10:00:07Z", LAGOS, now=NOW) == utc(2024, 12, 25, 10, 0, 7)


@pytest.mark.parametrize(
    ("written", "hour"),
    [("2026-03-29 01:30:00", 0), ("2026-03-29 02:30:00", 1), ("2026-10-25 02:30:00", 0)],
)
def test_a_day_when_the_clocks_change_has_every_hour(written, hour):
    assert parse(written, ZoneInfo("Europe/Paris"), now=NOW).hour in (hour, hour + 1)


def test_without_a_clock_it_is_now():
    ahead = datetime.now(UTC) + timedelta(days=3)
    assert parse(ahead.isoformat()) is None
    assert parse((ahead - timedelta(days=3)).isoformat()) is not None


@pytest.mark.parametrize("name", [None, "", "UTC", "No/Where", "../etc/passwd", "\0"])
def test_a_zone_that_nobody_knows_is_utc(name):
    assert NOW.astimezone(zone(name)).utcoffset() == timedelta(0)


@given(
    st.datetimes(datetime(2000, 1, 2), datetime(2026, 11, 20)),
    st.integers(-14 * 4, 14 * 4).map(lambda n: timezone(timedelta(minutes=15 * n))),
)
def test_iso_is_read_exactly(moment, offset):
    aware = moment.replace(tzinfo=offset)
    assert parse(aware.isoformat(), now=NOW) == aware


@given(st.text() | st.floats() | st.integers() | st.text("0123456789-: T+Z.", max_size=30))
def test_nothing_raises_and_every_time_is_utc(written):
    for smpp in (True, False):
        found = parse(written, LAGOS, now=NOW, smpp=smpp)
        assert found is None or (found.tzinfo is UTC and found <= NOW + timedelta(days=2))


@pytest.mark.parametrize("micros", [-(10**17), -62_135_647_200_000_000, 253_402_350_300_000_000])
def test_a_kept_time_beyond_the_calendar_is_shown_as_its_end(micros):
    assert moment(micros) in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
