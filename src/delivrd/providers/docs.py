"""Writes a page for each provider from its tables, and one that compares them.

`python -m delivrd.providers.docs [--check]`. The pages go to ``docs/providers`` under the current
directory. With ``--check`` nothing is written, and the exit code is 1 when a page is not what the
tables say.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import SecretStr

from delivrd.providers import names, provider
from delivrd.providers.base import AccountSettings, Code, Provider

FOLDER = Path("docs/providers")


def page(of: Provider) -> str:
    """The provider's page, in Markdown."""
    sections = [
        f"# {of.title}",
        f"The `{of.name}` dialect. Vendor's page: <{of.docs}>. "
        "This page is generated from the adapter's tables.",
        "## Set-up",
        "\n".join(f"{number}. {step}" for number, step in enumerate(of.set_up, 1)),
        "## Settings",
        "In addition to [those that every account has](../settings.md).",
        table(("setting", "secret", "meaning"), _settings(of.Settings)),
        "## Fields of a receipt",
        table(("field", "meaning"), ((f"`{name}`", said) for name, said in of.fields.items())),
        "## Statuses",
        "Case does not matter. Any other word is `unknown`, not final, and listed as unmapped.",
        table(("word", "status", "final"), _statuses(of)),
    ]
    sections += _codes("Codes in receipts", of.errors)
    sections += _codes("Codes in the answer to a send", of.send_errors)
    return "\n\n".join(sections) + "\n"


MATRIX = "README"
INTRODUCTION = (
    "*Verify*: the gateway signs its receipts, and the signature is checked; otherwise a secret in "
    "the webhook's address, Basic authentication or a list of addresses authenticates the caller. "
    "*Look up*: the gateway is asked for receipts that never came. *Callback per message*: each "
    "send gives its own address for receipts. This page is generated."
)
_MARKS = {True: "yes", False: ""}


def matrix() -> str:
    """What each dialect can do, side by side, in Markdown."""
    heads = ("provider", "receive", "verify", "send", "look up", "callback per message",
             "words", "codes", "sources", "last checked")  # fmt: skip
    return (
        "\n\n".join(
            (
                "# Dialects",
                INTRODUCTION,
                table(heads, (_row(provider(name)) for name in names())),
            )
        )
        + "\n"
    )


def _row(of: Provider) -> tuple[str, ...]:
    return (
        f"[{of.title}]({of.name}.md) `{of.name}`",
        "yes",
        _MARKS[of.signs],
        _MARKS[of.send is not None],
        _MARKS[of.look_up is not None],
        _MARKS[of.calls_back],
        str(len(of.statuses)),
        str(len(of.errors)),
        f"[vendor]({of.docs})",
        of.checked,
    )


def pages() -> dict[str, str]:
    """All pages, by the names of their files without ending."""
    return {MATRIX: matrix()} | {name: page(provider(name)) for name in names()}


def _settings(model: type[AccountSettings]) -> Iterable[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        if name not in AccountSettings.model_fields:
            secret = "yes" if SecretStr.__name__ in str(field.annotation) else ""
            yield f"`{name}`", secret, field.description or ""


def _statuses(of: Provider) -> Iterable[tuple[str, ...]]:
    for word, meaning in of.statuses.items():
        yield f"`{word}`", meaning.status.value, "yes" if meaning.final else "no"


def _codes(title: str, codes: Mapping[str, Code]) -> list[str]:
    if not codes:
        return []
    rows = (
        (
            f"`{code}`",
            meaning.words,
            meaning.reason.value if meaning.reason else "",
            meaning.status.value if meaning.status else "",
        )
        for code, meaning in codes.items()
    )
    return [f"## {title}", table(("code", "vendor's words", "reason", "makes a failure"), rows)]


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def stale(folder: Path) -> list[str]:
    """The pages that are missing in the folder or differ from the tables."""
    return [name for name, text in pages().items() if _written(folder, name) != text]


def _written(folder: Path, name: str) -> str:
    path = folder / f"{name}.md"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m delivrd.providers.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when stale")
    check = parser.parse_args(arguments).check
    old = stale(FOLDER)
    for name in old:
        if check:
            print(f"{FOLDER / name}.md is stale: run python -m delivrd.providers.docs")
        else:
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / f"{name}.md").write_text(pages()[name], encoding="utf-8")
    return 1 if check and old else 0


if __name__ == "__main__":
    sys.exit(main())
