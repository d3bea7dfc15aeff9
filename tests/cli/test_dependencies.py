"""What a hub imports is what it declares and needs: tools for development may be missing."""

import subprocess
import sys
from collections.abc import Set
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

WITHOUT = """\
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from delivrd.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def needed(name: str, extras: Set[str] = frozenset()) -> set[str]:
    """The distribution and all that it needs, with those extras."""
    found, waiting = set[tuple[str, frozenset[str]]](), [(name, frozenset(extras))]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        for text in metadata.requires(one[0]) or ():
            asked = Requirement(text)
            marker = asked.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in one[1] | {""}):
                waiting.append((canonicalize_name(asked.name), frozenset(asked.extras)))
    return {canonicalize_name(name) for name, _ in found}


def others() -> list[str]:
    """The modules that are installed here and not needed to run a hub."""
    ours = needed("delivrd")
    return sorted(
        module
        for module, owners in metadata.packages_distributions().items()
        if not any(canonicalize_name(owner) in ours for owner in owners)
    )


def test_the_demo_runs_without_any_tool_for_development() -> None:
    names = others()
    assert {"pytest", "playwright"} <= set(names)
    demo = ("demo", "--messages", "10", "--rate", "60", "--speed", "200", "--port", "0")
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(names=names), *demo],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "✓ db verify" in ran.stderr


def test_a_start_imports_nothing_that_only_upgrades_and_alerts_need() -> None:
    """They are a sixth of the memory of a process, and a tenth of the time of its start."""
    imported = "import sys, delivrd.app, delivrd.server; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", imported], capture_output=True, text=True, timeout=60, check=True
    )
    modules = {*ran.stdout.split()}
    assert "delivrd.server" in modules
    assert not modules & {"alembic", "apprise", "sqlalchemy.orm"}
