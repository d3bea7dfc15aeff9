"""The style sheet and the scripts: readable in both themes, and nothing inline."""

import re
from pathlib import Path

import pytest

from delivrd.web.pages.render import STATIC, WEB

CSS = (STATIC / "delivrd.css").read_text("utf-8")
TEXT = (
    *("ink", "muted", "accent"),
    *("delivered", "pending", "undelivered", "rejected", "expired", "unknown"),
)
GROUND = ("bg", "panel", "sunk")
WASHED = (("accent", "accent-wash"), ("expired", "warn-wash"), ("ink", "bad-wash"))


def themes() -> dict[str, dict[str, str]]:
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    first = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    return {
        "light": first,
        "dark": {**first, **dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark))},
    }


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_the_contrast_of_level_aa(theme: str) -> None:
    colours = themes()[theme]
    pairs = [(text, ground) for text in TEXT for ground in GROUND]
    pairs += [*WASHED, ("accent-ink", "accent"), ("bg", "ink")]
    weak = {
        pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2)
        for pair in pairs
        if contrast(colours[pair[0]], colours[pair[1]]) < 4.5
    }
    assert weak == {}


@pytest.mark.parametrize(
    "template", sorted((WEB / "templates").glob("*.html")), ids=lambda p: p.name
)
def test_no_template_has_inline_script_or_style(template: Path) -> None:
    text = template.read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\sstyle=|<style|\son\w+=|hx-on|javascript:|js:", text)


def test_nothing_is_loaded_from_elsewhere() -> None:
    for file in (*(WEB / "templates").glob("*.html"), *STATIC.glob("*.js"), STATIC / "delivrd.css"):
        found = re.findall(
            r"(?:src|href|url\(|fetch\()\W{0,2}https?://\S+", file.read_text("utf-8")
        )
        assert found == [], file.name


def test_every_class_that_has_a_style_is_used() -> None:
    sources = [*WEB.glob("templates/*.html"), *STATIC.glob("*.js"), *WEB.rglob("*.py")]
    used = "\n".join(path.read_text("utf-8") for path in sources)

    def is_used(name: str) -> bool:
        """As it is, or made of its first words and a value: st-{{ status }}."""
        made = name.rpartition("-")[0] + "-{{"
        return re.search(rf"(?<![\w-]){name}(?![\w-])", used) is not None or made in used

    sheets = "".join(path.read_text("utf-8") for path in STATIC.glob("*.css"))
    selectors = re.findall(r"[^{}]+(?=\{)", re.sub(r"/\*.*?\*/", "", sheets, flags=re.DOTALL))
    styled = {*re.findall(r"\.([a-z][\w-]*)", " ".join(selectors))}
    assert {name for name in styled if not is_used(name)} == {"htmx-request"}  # htmx sets it
