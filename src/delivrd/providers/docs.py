"""Writes a page for each provider from its tables: `python -m delivrd.providers.docs [--check]`.

The pages go to ``docs/providers`` under the current directory. With ``--check`` nothing is written,
and the exit code is 1 when a page is not what the tables say.
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
        "Beside those that every account has.",
        _table(("setting", "secret", "meaning"), _settings(of.Settings)),
        "## Fields of a receipt",
        _table(("field", "meaning"), ((f"`{name}`", said) for name, said in of.fields.items())),
        "## Statuses",
        "Words are matched in any case. Any other word is `unknown`, not final, and listed.",
        _table(("word", "status", "final"), _statuses(of)),
    ]
    sections += _codes("Codes in receipts", of.errors)
    sections += _codes("Codes in the answer to a send", of.send_errors)
    return "\n\n".join(sections) + "\n"


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
    return [f"## {title}", _table(("code", "vendor's words", "reason", "makes a failure"), rows)]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def stale(folder: Path) -> list[str]:
    """The providers whose page in the folder is missing or not what their tables say."""
    return [name for name in names() if _written(folder, name) != page(provider(name))]


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
            (FOLDER / f"{name}.md").write_text(page(provider(name)), encoding="utf-8")
    return 1 if check and old else 0


if __name__ == "__main__":
    sys.exit(main())
