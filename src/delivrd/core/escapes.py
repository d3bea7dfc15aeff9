"""How software escapes a text in URLs, forms, JSON and XML."""

import html
import json
import re
from urllib.parse import quote, quote_plus

_IN_URLS = re.compile("%..")
_AS_DOTNET = "!#$%()*,-./:;=?@[]^_{|}~ "
"""What .NET leaves as it is in JSON, besides letters and digits."""


def escaped(text: str) -> set[str]:
    """The text itself, and the forms that common software writes it in."""
    in_urls = {quote(text, safe=""), quote(text), quote_plus(text)}
    in_urls |= {_IN_URLS.sub(lambda found: found[0].lower(), url) for url in in_urls}
    in_json = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    in_json |= {each.replace("/", r"\/") for each in in_json}  # PHP
    in_json |= {_numbered(text, kept) for kept in (_AS_DOTNET, "-._~")}
    in_json |= {_numbered(text, "-._~", "04x")}
    return {text, html.escape(text)} | in_urls | in_json


def _numbered(text: str, kept: str, digits: str = "04X") -> str:
    """All but ASCII letters, digits and what is ``kept`` as ``\\uXXXX``."""
    return "".join(
        c if c.isascii() and (c.isalnum() or c in kept) else f"\\u{ord(c):{digits}}" for c in text
    )
