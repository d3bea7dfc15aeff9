"""Text that both stores accept: PostgreSQL refuses NUL, and UTF-8 has no lone surrogates."""

PREVIEW = 50
"""Characters of a message's text kept by default (rule H5)."""


def clean(text: str) -> str:
    """The text without NUL and lone surrogates, otherwise unchanged."""
    if text.isascii():
        return text if "\0" not in text else text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode(errors="ignore").decode()
    return text.replace("\0", "")


def short(text: str, limit: int) -> str:
    """The cleaned text, cut to ``limit`` characters; if it was cut, the last one is an ellipsis."""
    text = clean(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def noun(number: float, one: str, many: str | None = None) -> str:
    """The word that agrees with a number; ``many`` is ``one`` with an s unless given."""
    return one if number == 1 else many or one + "s"


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 receipt``, ``2 receipts``: a number with the word that agrees with it."""
    return f"{number} {noun(number, one, many)}"
