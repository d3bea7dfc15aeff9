"""Redacts requests: secrets become ``{secret:SETTING}``, echoed texts are cut (rules B1, H5)."""

import base64
import json
import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote_plus, unquote_plus

from pydantic import SecretStr

from delivrd.config import MIN_SECRET
from delivrd.core import smpp_receipt
from delivrd.core.escapes import escaped
from delivrd.core.text import PREVIEW
from delivrd.store.accounts import Account

_LIMIT = {"preview": PREVIEW, "none": 0}


class Redactor:
    """Redacts the requests of some accounts before they are stored.

    ``privacy`` is the setting for texts: ``preview``, ``full`` or ``none``.
    """

    def __init__(self, accounts: Iterable[Account], privacy: str) -> None:
        accounts = tuple(accounts)
        names = {
            needle.encode(): name.encode()
            for account in accounts
            for name, value in account_secrets(account)
            for needle in escaped(value)
        }
        self._needles = [
            (needle, re.compile(_AS_VALUE % re.escape(needle)), b"{secret:%s}" % names[needle])
            for needle in sorted(names, key=len, reverse=True)
        ]
        self._hidden = [
            (field.encode(), re.compile(_AS_FIELD % ((re.escape(field.encode()),) * 2)))
            for field in sorted({f for a in accounts for f in a.provider.secret_fields})
        ]
        limit = _LIMIT.get(privacy)
        providers = [account.provider for account in accounts]
        texts = {field for provider in providers for field in provider.text_fields}
        receipts = {field for provider in providers for field in provider.receipt_fields} - texts
        self._texts = [] if limit is None else [
            _Echo(field.encode(), limit, field in texts) for field in sorted(texts | receipts)
        ]  # fmt: skip

    def value(self, raw: bytes) -> bytes:
        """The bytes of a query, a header block or a body, redacted."""
        if not raw:
            return raw
        if b"%" in raw or b"\\u00" in raw:
            raw = self._with_plain_secrets(raw)
        for needle, pattern, name in self._needles:
            if needle in raw:
                raw = pattern.sub(name, raw)
        for field, pattern in self._hidden:
            if field in raw:
                raw = pattern.sub(rb"\1{secret:%s}" % field, raw)
        for echo in self._texts:
            if echo.field in raw:
                raw = echo.cut(raw)
        return raw

    def text(self, text: str) -> str:
        """The text of a path, redacted."""
        return self.value(text.encode(errors="replace")).decode(errors="replace")

    def _with_plain_secrets(self, raw: bytes) -> bytes:
        """The bytes without needless escapes, if those hide a secret; else as they are."""
        plain = _NEEDLESS_IN_JSON.sub(_unescaped, _NEEDLESS_IN_URLS.sub(_unescaped, raw))
        hides = plain != raw and any(needle in plain for needle, _, _ in self._needles)
        return plain if hides else raw

    def headers(self, raw: bytes) -> bytes:
        """A header block, redacted; the values of Authorization and cookies are always secret."""
        if b"authorization:" in raw:
            raw = _BASIC.sub(rb"\1{secret:basic_auth}", raw)
            raw = _BEARER.sub(rb"\1{hidden}", raw)
        if b"cookie:" in raw:
            raw = _COOKIE.sub(rb"\1{hidden}", raw)
        return self.value(raw)


_AS_VALUE = rb"""(?:(?<![^=&"'?:\s,/>])|(?<=%%[0-9A-Fa-f]{2}))%s(?![^&"'\s,;}\]</?#%%\\])"""
"""A secret as a whole value of a query, a form, a JSON member, an XML element, a path or a header;
also of a URL that is itself a value, and escaped."""

_NEEDLESS = rb"(2[DEde]|3\d|[46][1-9A-Fa-f]|[57][\dAa]|5[Ff]|7[Ee])"
_NEEDLESS_IN_URLS = re.compile(rb"%%%b" % _NEEDLESS)
_NEEDLESS_IN_JSON = re.compile(rb"\\u00%b" % _NEEDLESS)
"""Escaped letters, digits and ``-._~``, which need no escape anywhere."""


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode())


_AS_FIELD = rb'((?<![^?&\s])%s=|"%s"\s*:\s*")[^&"\s]+'
"""The value of a field that is secret by its name, in a query, a form or a JSON member."""

_BASIC = re.compile(rb"(?mi)^((?:proxy-)?authorization: *basic +).+")
_BEARER = re.compile(rb"(?mi)^((?:proxy-)?authorization:(?! *basic ) *(?:\w+ +)?).+")
_COOKIE = re.compile(rb"(?mi)^(cookie: *).+")


_AS_MEMBER = (
    rb'("%s"\s*:\s*(?:\{\s*"type"\s*:\s*"Buffer"\s*,\s*"data"\s*:\s*)?)'
    rb'("(?:[^"\\]|\\.)*"|\[[\d\s,]*\])'
)
"""A JSON member: its value is a string or a list of bytes, also in an object, as Node.js has it."""


class _Echo(NamedTuple):
    """A field that repeats the text of the message, or its beginning at the end of an SMPP receipt,
    whose other fields are kept."""

    field: bytes
    limit: int
    is_text: bool
    """Whether it is cut also where it holds no receipt."""

    def cut(self, raw: bytes) -> bytes:
        name = re.escape(self.field)
        raw = re.sub(rb"(?<![^?&])(%s=)([^&]*)" % name, self._cut_pair, raw)
        return re.sub(_AS_MEMBER % name, self._cut_member, raw)

    def _cut_pair(self, found: re.Match[bytes]) -> bytes:
        text = unquote_plus(found[2].decode("latin-1"), errors="replace")
        cut = self._cut(text)
        return found[0] if cut == text else found[1] + quote_plus(cut).encode()

    def _cut_member(self, found: re.Match[bytes]) -> bytes:
        try:
            value = json.loads(found[2], strict=False)
        except ValueError:  # which no adapter reads either
            return found[1] + b'""'
        cut = self._cut(value) if isinstance(value, str) else self._cut_numbers(value)
        return found[0] if cut == value else found[1] + json.dumps(cut).encode()

    def _cut(self, text: str) -> str:
        cut = self._cut_receipt(text)
        if cut is not None:
            return cut
        coded = self._cut_coded(text)
        if coded is not None:
            return coded.hex()
        return text[: self.limit] if self.is_text else text

    def _cut_numbers(self, numbers: list[int]) -> list[int]:
        coded = self._cut_coded(numbers)
        return numbers if coded is None else list(coded)

    def _cut_coded(self, written: object) -> bytes | None:
        """The bytes of a receipt without its text; None if there are none or nothing to cut."""
        raw = smpp_receipt.unwrapped(written)
        if not raw:
            return None
        encoding = smpp_receipt.encoding(raw)
        text = raw.decode(encoding, "replace")
        cut = self._cut_receipt(text)
        return None if cut is None or cut == text else cut.encode(encoding, "replace")

    def _cut_receipt(self, text: str) -> str | None:
        """A receipt without its text; None if it is not one."""
        receipt = smpp_receipt.parse(text)
        if receipt.stat is None and (receipt.id is None or receipt.err is None):
            return None
        own = receipt.text or ""
        if len(own) <= self.limit:
            return text
        text = text.replace("\0", "")  # as it is parsed
        return text[: text.rfind(own) + self.limit]


def account_secrets(account: Account) -> list[tuple[str, str]]:
    """Each secret of an account's settings: the setting's name and its value."""
    found = []
    for name in type(account.settings).model_fields:
        value = getattr(account.settings, name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, SecretStr) and item.get_secret_value():
                found.append((name, item.get_secret_value()))
    if (basic := account.settings.basic_auth) is not None:
        found += [("basic_auth", each) for each in _of_basic(basic.get_secret_value())]
    return found


def _of_basic(pair: str) -> list[str]:
    """The other forms of a user's name and password: as it is sent, and the password alone."""
    password = pair.partition(":")[2]
    alone = [password] if len(password) >= MIN_SECRET else []
    return [base64.b64encode(pair.encode()).decode(), *alone]
