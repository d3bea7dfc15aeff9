"""`delivrd providers new`: the files of a dialect that nobody has written yet."""

import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from delivrd.cli.output import USAGE, Failure
from delivrd.providers import names

NAME = re.compile(r"[a-z0-9][a-z0-9_]{1,30}")
CHECKOUT = {
    "module.py.txt": "src/delivrd/providers/$module.py",
    "cases.toml.txt": "tests/providers/cases/$name.toml",
}
PACKAGE = {
    "pyproject.toml.txt": "delivrd-$name/pyproject.toml",
    "module.py.txt": "delivrd-$name/$module.py",
    "cases.toml.txt": "delivrd-$name/cases/$name.toml",
}


def command(
    name: Annotated[
        str, typer.Argument(help="The dialect's name in settings: lower case, no spaces.")
    ],
    title: Annotated[str, typer.Option(help="The vendor's name.")] = "",
    docs: Annotated[str, typer.Option(help="The vendor's page on delivery receipts.")] = "",
    package: Annotated[bool, typer.Option("--package", help="Write a separate package.")] = False,
) -> None:
    """Write the files of a new dialect: tables to fill in, cases to test it, its page.

    In a checkout of delivrd they go to their places, and `make test` takes them up; with
    --package they make a package that delivrd finds once it is installed.

    \b
    delivrd providers new acme --title "Acme SMS" --docs https://acme.example/receipts
    """
    _check(name, package)
    values = {
        "name": name,
        "module": _module(name, package),
        "title": title or name.capitalize(),
        "docs": docs or "https://example.com/receipts",
    }
    written = [
        _write(source, Path(Template(target).substitute(values)), values)
        for source, target in (PACKAGE if package else CHECKOUT).items()
    ]
    for path in written:
        typer.echo(f"wrote {path}")
    if not package:
        # another process: this one has looked for dialects already
        subprocess.run([sys.executable, "-m", "delivrd.providers.docs"], check=True)
        typer.echo(f"wrote docs/providers/{name}.md")
    typer.echo(f"next: {_next(name, package)}")


def _check(name: str, package: bool) -> None:
    if not NAME.fullmatch(name):
        raise Failure(
            f"{name!r} is no name for a dialect", "", "use a-z and 0-9, as in acme", USAGE
        )
    if name in names():
        raise Failure(f"there is a dialect {name} already", "", f"delivrd providers show {name}")
    if not package and not Path("src/delivrd/providers").is_dir():
        why = "this is no checkout of delivrd: there is no src/delivrd/providers"
        raise Failure("there is no place for the files", why, "add --package", USAGE)


def _module(name: str, package: bool) -> str:
    module = f"sms_{name}" if name[0].isdigit() else name
    return f"delivrd_{module}" if package else module


def _write(source: str, target: Path, values: Mapping[str, str]) -> Path:
    if target.exists():
        raise Failure(f"{target} is there already", "nothing was overwritten")
    text = (files("delivrd.cli") / "scaffold" / source).read_text("utf-8")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(Template(text).substitute(values), "utf-8")
    return target


def _next(name: str, package: bool) -> str:
    if package:
        return f"pip install -e delivrd-{name}, then delivrd providers show {name}"
    return f"fill in the tables, then make test (or pytest tests/providers -k {name})"
