"""Text that every store takes: PostgreSQL refuses NUL, and UTF-8 has no lone surrogates."""

PREVIEW = 50
"""Characters of a message's text that are kept by default (rule H5)."""


def clean(text: str) -> str:
    """The text without NUL and without lone surrogates; all else stays as it is."""
    if text.isascii():
        return text if "\0" not in text else text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode(errors="ignore").decode()
    return text.replace("\0", "")


def short(text: str, limit: int) -> str:
    """The clean text, cut to at most ``limit`` characters, the last an ellipsis if it was cut."""
    text = clean(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
