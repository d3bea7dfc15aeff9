"""The reference of all settings."""

import re
import tomllib
from pathlib import Path

from delivrd.config import Config, load, settings
from delivrd.config_docs import page

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_reference_is_what_the_models_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m delivrd.config_docs"


def test_the_reference_has_every_setting() -> None:
    for path, _ in settings(Config()):
        assert f"| `{path.rpartition('.')[2]}` |" in page(), path


def test_the_defaults_are_written_as_the_file_takes_them(tmp_path: Path) -> None:
    """The tables that are always there, with each default as it is printed."""
    lines, table = [], ""
    for line in page().split("## ")[1:]:
        title, *rows = line.splitlines()
        found = re.fullmatch(r"`\[([a-z]+)\]`", title)
        if found or title == "The hub":
            table = f"[{found[1]}]" if found else ""
            lines.append(table)
            for row in rows:
                if match := re.match(r"\| `(\w+)` \| `(.+?)` \|", row):
                    lines.append(f"{match[1]} = {match[2]}")
    file = tmp_path / "delivrd.toml"
    file.write_text("\n".join(lines))
    assert len(tomllib.loads(file.read_text())) > 5
    assert load(file, {}).model_dump() == Config().model_dump()
