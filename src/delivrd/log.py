"""Logging: readable on a terminal, JSON lines elsewhere, and never a secret.

Every line, including those of libraries, passes the :class:`Redactor` last, so that no secret in a
URL, an exception's text or a traceback reaches the log.
"""

import base64
import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from delivrd.core.escapes import escaped

QUIET = (
    "aiohttp.access",
    "aiohttp.client",
    "asyncio",
    "httpcore",
    "httpx",
    "urllib3",
    "uvicorn.access",
)
"""Loggers that would write whole URLs, which may contain secrets (rule H1)."""

NUMBER_KEYS = frozenset({"to", "from", "sender", "msisdn", "recipient"})


class Redactor:
    """Replaces each secret by `{secret:SETTING}`, in any of its usual encodings.

    ``secrets`` maps paths of settings to values, as :func:`delivrd.config.secrets` returns them.
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
        """The value with secrets replaced, and phone numbers masked under `NUMBER_KEYS`."""
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
    """The encodings in which a secret may appear in a line."""
    return escaped(secret) | {repr(secret)[1:-1], base64.b64encode(secret.encode()).decode()}


def mask_number(number: str) -> str:
    """Masks +441234560123 as +44•••••••0123; other names and short codes are unchanged."""
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
    """Sends logs of structlog and the standard library to ``stream``, by default standard error.

    Readable text on a terminal, else one JSON object a line, unless ``json_lines`` is given. May be
    called again, with the secrets of other settings.
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
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs each step at every start
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
