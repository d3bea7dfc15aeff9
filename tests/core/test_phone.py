import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from delivrd.core.phone import (
    InvalidCountry,
    InvalidNumber,
    can_be,
    checked_country,
    country_of,
    digits,
    forms_of_sender,
    meant_country,
    normalize,
    shown_sender,
)


@pytest.mark.parametrize(
    ("written", "region", "e164", "country"),
    [
        ("+12015555522", None, "+12015555522", "US"),
        ("+1 (201) 555-5522", None, "+12015555522", "US"),
        ("0012015555522", None, "+12015555522", "US"),
        (" +44 7700 900123 ", None, "+447700900123", "GB"),
        ("+1 416 555 0123", None, "+14165550123", "CA"),
        ("+7 701 123 4567", None, "+77011234567", "KZ"),
        ("07700 900123", "GB", "+447700900123", "GB"),
        ("+37251234567", "GB", "+37251234567", "EE"),
        ("+2347894561230", None, "+2347894561230", "NG"),
        ("+80012345678", None, "+80012345678", None),
    ],
)
def test_a_number_as_people_write_it_becomes_e164(written, region, e164, country):
    assert normalize(written, region) == (e164, country)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "is not a telephone number"),
        ("hello", "is not a telephone number"),
        ("+", "is not a telephone number"),
        ("+1", "is not a telephone number"),
        ("+999123456", "is not a telephone number"),
        ("12015555522", "has no country code"),
        ("07700 900123", "has no country code"),
        ("+123", "is too short"),
        ("+1201555552", "is too short"),
        ("+120155555221", "is too long"),
        ("+442079460958 ext. 5", "has an extension"),
        ("+" + "1" * 300, "is not a telephone number"),
        ("+447700***123", "is not a telephone number"),
        ("+447700ABC123", "is not a telephone number"),
        ("+1 800 FLOWERS", "is not a telephone number"),
        ("+447700?00123", "is not a telephone number"),
        ("\0+12015555522", "has no country code"),
    ],
)
def test_what_cannot_be_called_is_refused_with_a_hint(written, why):
    with pytest.raises(InvalidNumber) as refusal:
        normalize(written)
    assert why in refusal.value.why
    assert "+12015555522" in refusal.value.hint
    assert len(refusal.value.why) < 120


@given(st.text())
def test_no_text_crashes(text):
    digits(text)
    country_of(text)
    try:
        phone = normalize(text)
    except InvalidNumber:
        return
    assert phone.e164[0] == "+"
    assert phone.e164[1:].isdigit()


def examples():
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
                owner = phonenumbers.region_code_for_number(number)
                yield pytest.param(e164[1:], owner, id=f"{region} {e164}")


@pytest.mark.parametrize(("number", "region"), list(examples()))
def test_the_country_is_that_of_the_numbering_plan(number, region):
    assert country_of(number) == region


def test_the_country_depends_on_the_number_alone_whatever_was_asked_before():
    """A number that no plan has must not decide for the next one with the same beginning."""
    assert country_of("441481") == "GB"
    assert country_of("441481960194") == "GG"


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("UK", "UK is not an ISO 3166 code; the United Kingdom is GB."),
        ("el", "EL is not an ISO 3166 code; Greece is GR."),
        ("XX", "Write the two letters of ISO 3166, such as GB for the United Kingdom."),
        ("GBR", "Write the two letters of ISO 3166, such as GB for the United Kingdom."),
    ],
)
def test_a_code_of_no_country_is_refused_with_what_would_be_right(code, hint):
    with pytest.raises(InvalidCountry, match=f"there is no country '{code.upper()}'") as refused:
        checked_country(code)
    assert refused.value.hint == hint


def test_a_country_s_code_is_its_two_letters_in_capitals():
    assert checked_country("gb") == "GB"


@pytest.mark.parametrize(("text", "code"), [("uk", "GB"), ("EL", "GR"), ("gb", "GB"), ("XX", None)])
def test_people_may_write_a_country_as_it_is_called(text, code):
    assert meant_country(text) == code


@pytest.mark.parametrize("number", ["", "0", "000447700900123", "999", "4477***000", "１２０１"])
def test_what_is_no_number_has_no_country(number):
    assert country_of(number) is None


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("447700900123", "447700900123"),
        ("+447700900123", "447700900123"),
        ("00447700900123", "447700900123"),
        ("+44 7700 900-123", "447700900123"),
        ("3721", "3721"),
        ("4477***123", "4477***123"),
        (" XXXX1234 ", "XXXX1234"),
        ("+1417321XXXX", "1417321XXXX"),
        ("", None),
        ("  ", None),
        ("+", None),
        ("9" * 400, "9" * 64),
    ],
)
def test_a_gateway_s_number_is_digits_as_far_as_it_tells(sent, kept):
    assert digits(sent) == kept


@given(st.text(max_size=64))  # longer ones are cut, which may leave digits alone
def test_digits_of_digits_stay(text):
    once = digits(text)
    if once and not once.startswith("00"):
        assert digits(once) == once


@pytest.mark.parametrize(
    ("told", "can"),
    [
        (None, True),
        ("447700900123", True),
        ("447700900124", False),
        ("7700900123", False),
        ("4477***123", True),
        ("4477***124", False),
        ("XXXXX0123", True),
        ("hidden", True),
    ],
)
def test_a_masked_number_can_be_every_number_that_agrees_in_what_is_shown(told, can):
    assert can_be(told, "447700900123") is can


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("12025555511", "+12025555511"),
        ("+12025555511", "+12025555511"),
        ("4915112345678", "+4915112345678"),
        ("3545885522", "+3545885522"),
        ("Acme", "Acme"),
        ("60800", "60800"),
        ("43121012", "43121012"),
        ("10690000123", "10690000123"),
        ("07700900123", "07700900123"),
        ("\u0661\u0662025555511", "\u0661\u0662025555511"),
        ("MG" + "0f" * 16, "MG" + "0f" * 16),
        ("9" * 64, "9" * 64),
        ("", ""),
    ],
)
def test_only_a_sender_that_is_an_international_number_is_shown_with_a_plus(written, shown):
    """Not a short code, such as Austria's 43 121012 and China's 1069…, nor a national number."""
    assert shown_sender(written) == shown


@pytest.mark.parametrize(
    ("written", "forms"),
    [
        ("12025555511", ("+12025555511", "12025555511")),
        ("+12025555511", ("+12025555511", "12025555511")),
        ("60800", ("60800",)),
        ("+60800", ("+60800",)),
        ("Acme", ("Acme",)),
    ],
)
def test_a_sender_is_sought_in_each_form_in_which_gateways_write_it(written, forms):
    assert forms_of_sender(written) == forms
