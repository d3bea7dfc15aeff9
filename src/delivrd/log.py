"""How the hub logs: for people on a terminal, as JSON lines elsewhere, and never a secret.

Every line, also one of a library, passes the :class:`Redactor` last, so that no way of writing a
secret into a log (an address, an exception's text, a traceback) gets past it.
"""

import base64
import json
import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

QUIET = (
    "aiohttp.access",
    "aiohttp.client",
    "asyncio",
    "httpcore",
    "httpx",
    "urllib3",
    "uvicorn.access",
)
"""Loggers that would write whole addresses, in which secrets stand (rule H1)."""

NUMBER_KEYS = frozenset({"to", "from", "sender", "msisdn", "recipient"})


class Redactor:
    """Replaces each secret by `{secret:SETTING}`, however it is written.

    ``secrets`` are settings' paths and values, as :func:`delivrd.config.secrets` gives them.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._names = {
            form: name for name, value in secrets.items() if value for form in _forms(value)
        }
        longest_first = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def text(self, text: str) -> str:
        return self._pattern.sub(lambda found: f"{{secret:{self._names[found[0]]}}}", text)

    def value(self, value: Any, key: str = "") -> Any:
        """The value with secrets replaced, and phone numbers masked under the keys of numbers."""
        if isinstance(value, str):
            value = self.text(value)
            return mask_number(value) if key in NUMBER_KEYS else value
        if isinstance(value, int) and not isinstance(value, bool) and key in NUMBER_KEYS:
            return mask_number(str(value))
        if isinstance(value, bytes):
            return self.value(value.decode("utf-8", "backslashreplace"), key)
        if isinstance(value, Mapping):
            return {self.value(k): self.value(v, str(k)) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item, key) for item in value]
        return value


def _forms(secret: str) -> set[str]:
    """The ways in which a secret may stand in a line."""
    forms = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
    forms |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    forms |= {repr(secret)[1:-1], base64.b64encode(secret.encode()).decode()}
    return forms


def mask_number(number: str) -> str:
    """+441234560123 as +44•••••••0123; names, short codes and masked numbers stay as they are."""
    digits = number.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) >= 7):
        return number
    shown = 2 if len(digits) >= 9 else 1
    plus = "+" if number.startswith("+") else ""
    return f"{plus}{digits[:shown]}{'•' * (len(digits) - shown - 4)}{digits[-4:]}"


def configure(
    secrets: Mapping[str, str],
    *,
    level: int = logging.INFO,
    stream: TextIO | None = None,
    json_lines: bool | None = None,
) -> None:
    """Sends the logs of structlog and of the standard library to ``stream`` (standard error).

    Pretty where the stream is a terminal, else one JSON object a line; ``json_lines`` decides
    where it is given. May be called again, with the secrets of other settings.
    """
    stream = stream or sys.stderr
    pretty = stream.isatty() if json_lines is None else not json_lines
    redactor = Redactor(secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _redact_values(redactor),
            _redact_line(redactor, _renderer(pretty, stream)),
        ],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # each step of a start, otherwise
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _renderer(pretty: bool, stream: TextIO) -> Processor:
    if not pretty:
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    # Plain tracebacks: the decorated ones print local variables, and with them secrets.
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def _redact_values(redactor: Redactor) -> Processor:
    def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {key: redactor.value(value, key) for key, value in event.items()}

    return redact


def _redact_line(redactor: Redactor, render: Processor) -> Processor:
    def redact(logger: WrappedLogger, method: str, event: EventDict) -> str:
        return redactor.text(str(render(logger, method, event)))

    return redact
