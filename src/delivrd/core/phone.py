"""Telephone numbers, as people write them and as gateways send them, and their countries."""

import re
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, ValidationResult

_SEPARATORS = str.maketrans("", "", " +-.()/\t\u00a0")
_LEAD = re.compile(r"^[\s+]+")
_WORLD = "001"  # libphonenumber's region for codes of no country, such as +800
_MAX = 64  # characters kept of a text that is not a number


class Phone(NamedTuple):
    """A number in E.164 with its plus, and its country (two letters, ISO 3166) if it has one."""

    e164: str
    country: str | None


class InvalidNumber(ValueError):
    """Not a valid number: ``why``, and a ``hint`` at what would be right."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


_HINT = "Write the number in international form, such as +12015555522."

_WHY = {
    ValidationResult.TOO_SHORT: "is too short for its country",
    ValidationResult.TOO_LONG: "is too long for its country",
    ValidationResult.INVALID_LENGTH: "has a length that its country does not use",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "lacks its area code",
    ValidationResult.INVALID_COUNTRY_CODE: "has a country code that does not exist",
}


_MEANT = {"UK": ("the United Kingdom", "GB"), "EL": ("Greece", "GR")}
"""Codes that are in use, but not in ISO 3166: the country, and its code there."""


class InvalidCountry(ValueError):
    """Not a country with telephone numbers; ``hint`` says what would be right."""

    def __init__(self, code: str) -> None:
        super().__init__(f"there is no country {code[:50]!r}")
        name, right = _MEANT.get(code, ("", ""))
        self.hint = (
            f"{code} is not an ISO 3166 code; {name} is {right}."
            if right
            else "Write the two letters of ISO 3166, such as GB for the United Kingdom."
        )


def checked_country(code: str) -> str:
    """The code of a country (two letters, ISO 3166) in capitals.

    Raises:
        InvalidCountry: no numbers of such a country are known.
    """
    if code.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidCountry(code.upper())
    return code.upper()


def meant_country(text: str) -> str | None:
    """The code of the country that people mean, who also write UK for GB; None if there is none."""
    _, code = _MEANT.get(text.upper(), ("", text.upper()))
    return code if code in phonenumbers.SUPPORTED_REGIONS else None


_NO_DIGIT = re.compile(r"[^\W\d_]|[*#?]")
"""What no separator is: the parser drops a star, and takes letters for the digits of their keys."""
_MASKED = "With letters or masked digits it could be a stranger's."


def normalize(number: str, default_region: str | None = None) -> Phone:
    """Converts a number as a person or a program wrote it to E.164.

    ``default_region`` (two letters) supplies the country code of numbers that have none; without it
    they are refused, as a wrong guess would reach a stranger. Only lengths are checked, not whole
    numbering plans: countries open new ranges faster than tables follow.

    Raises:
        InvalidNumber: it is not a number that could exist.
    """
    written = number.strip()
    if written.startswith("00") and default_region is None:
        written = "+" + written[2:]
    if not written.startswith("+") and default_region is None:
        raise InvalidNumber(*_without_country(written))
    try:
        parsed = phonenumbers.parse(written, default_region)
    except NumberParseException as error:
        raise InvalidNumber(f"{_shown(number)} is not a telephone number", _HINT) from error
    if parsed.extension:
        raise InvalidNumber(f"{_shown(number)} has an extension, which SMS cannot reach", _HINT)
    if _NO_DIGIT.search(written.removeprefix("tel:")):
        raise InvalidNumber(f"{_shown(number)} is not a telephone number", f"{_HINT} {_MASKED}")
    possible = phonenumbers.is_possible_number_with_reason(parsed)
    if possible != ValidationResult.IS_POSSIBLE:
        raise InvalidNumber(f"{_shown(number)} {_WHY.get(possible, 'is not possible')}", _HINT)
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return Phone(e164, country_of(e164[1:]))


def _without_country(written: str) -> tuple[str, str]:
    if not any(char.isdigit() for char in written):
        return f"{_shown(written)} is not a telephone number", _HINT
    hint = f"{_HINT} If its country code is there already, put a plus before it."
    return f"{_shown(written)} has no country code", hint


def _shown(number: str) -> str:
    return repr(number if len(number) <= 24 else number[:24] + "…")


def digits(text: str) -> str | None:
    """A gateway's number as digits only: without plus, separators and leading 00.

    A text with other characters (``4477***000``, ``SHORT``) loses only its plus, and is cut to 64
    characters; an empty text gives None.
    """
    if not (text.isascii() and text.isdigit()):
        stripped = text.translate(_SEPARATORS)
        if not (stripped.isascii() and stripped.isdigit()):
            return _LEAD.sub("", text).rstrip()[:_MAX] if stripped.strip() else None
        text = stripped
    return (text[2:] if text.startswith("00") else text)[:_MAX] or None


def can_be(told: str | None, number: str) -> bool:
    """Whether a number as a gateway tells it (see `digits`) can be this one, which is in digits.

    What is masked (``4477***000``) or not told at all can be anything.
    """
    if told is None or told.isdigit():
        return told in (None, number)
    return re.fullmatch(re.sub(r"\D+", ".*", told), number) is not None


_SHORTEST_SENDER = 9
"""Digits; short codes have up to 8, and some would be numbers of small countries."""


@lru_cache(maxsize=8192)
def shown_sender(sender: str) -> str:
    """A sender in the form in which it is shown: a number has a plus, all else is as written.

    Gateways write one number with and without its plus (Twilio `+12025555511`, Vonage
    `12025555511`). Digits count as a number only if a numbering plan has it, as a plus would make
    something else of a short code or a number of one country.
    """
    if not (sender.isascii() and sender.isdigit() and len(sender) >= _SHORTEST_SENDER):
        return sender
    try:
        parsed = phonenumbers.parse("+" + sender)
    except NumberParseException:
        return sender
    return "+" + sender if phonenumbers.is_valid_number(parsed) else sender


def forms_of_sender(sender: str) -> tuple[str, ...]:
    """The forms in which the same sender may be stored, the one that is shown first."""
    bare = sender.removeprefix("+")
    shown = shown_sender(bare)
    return (sender,) if shown == bare else (shown, bare)


def country_of(number: str) -> str | None:
    """The country (two letters) of a number in digits; None if its code belongs to no country.

    If several countries share the calling code and no numbering plan claims the number, it counts
    as the main country's (the United States for +1).
    """
    if not (number.isascii() and number.isdigit()):
        return None
    for length in (1, 2, 3):
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(number[:length]))
        if regions is not None and number[0] != "0":
            break
    else:
        return None
    if len(regions) == 1:
        return None if regions[0] == _WORLD else str(regions[0])
    return _shared(number[: _TELLING.get(length, 8)], len(number)) or str(regions[0])


_TELLING = {1: 4}
"""How many leading digits decide the country: up to the area code for +1."""


@lru_cache(maxsize=32768)
def _shared(prefix: str, length: int) -> str | None:
    """The country of a prefix of a shared calling code.

    The rest of the number is padded, so that the cached result depends on the arguments alone.
    Plans go by leading digits, and asking libphonenumber for each number takes 50 µs and more.
    """
    filled = prefix + "2345678901"[: max(0, min(length, 15) - len(prefix))]
    try:
        parsed = phonenumbers.parse("+" + filled)
    except NumberParseException:
        return None
    region = phonenumbers.region_code_for_number(parsed)
    return None if region is None else str(region)
