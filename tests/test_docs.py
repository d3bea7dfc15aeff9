"""The README and the docs: their links lead somewhere, their commands are commands."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from delivrd.cli.main import build

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"(?:^ {4}|`)(?:\S*/bin/)?delivrd ((?:\\\n|[^`\n#|<>])+)", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def commands(text: str) -> Iterator[list[str]]:
    """The words after `delivrd` of each command line."""
    for line in _COMMAND.findall(text):
        try:
            yield shlex.split(re.sub(r"\$\([^)]*\)", "x", line.replace("\\\n", " ")))
        except ValueError:  # a part of a longer line
            continue


def problem(words: list[str]) -> str | None:
    """What is wrong with a command line, if anything is: an unknown command or option."""
    at = get_command(build(words))
    for word in words:
        below = getattr(at, "commands", None)  # of a group
        if below is not None and not word.startswith("-"):
            if word not in below:
                return f"there is no command {word}"
            at = below[word]
        elif word.startswith("--"):
            known = {name for param in at.params for name in (*param.opts, *param.secondary_opts)}
            if word.partition("=")[0] not in known | {"--help", "--version"}:
                return f"there is no option {word}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_to_a_file_or_a_heading(page: Path) -> None:
    for link in _LINK.findall(page.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not heading or heading in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_is_one_that_the_program_has(page: Path) -> None:
    wrong = [(words, problem(words)) for words in commands(page.read_text("utf-8"))]
    assert [(words, why) for words, why in wrong if why] == []


def test_commands_are_found_and_wrong_ones_are_told() -> None:
    text = "    delivrd db prune   # now\nand `delivrd stats delivery --nope x` too"
    db, stats = commands(text)
    assert (db, problem(db)) == (["db", "prune"], None)
    assert problem(stats) == "there is no option --nope"
    assert problem(["db", "burn"]) == "there is no command burn"
