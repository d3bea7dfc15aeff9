"""`delivrd providers new`: a dialect that passes the suite from its first minute."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = '{"id":"m-1","status":"FAILED","error":"2","to":"+447700900000"}'


def run(cwd, *command, path="", given=None):
    environ = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.run(
        [sys.executable, *command],
        check=False,
        cwd=cwd,
        env=environ,
        input=given,
        capture_output=True,
        text=True,
        timeout=240,
    )


def delivrd(cwd, *arguments, **more):
    return run(cwd, "-m", "delivrd", *arguments, **more)


@pytest.fixture
def checkout(tmp_path):
    """A checkout with the sources and the tests of the dialects."""
    ignore = shutil.ignore_patterns("__pycache__", "vendor")
    for folder in ("src", "tests/providers", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("conftest.py", "ports.py", "postgres.py"):
        shutil.copy(ROOT / "tests" / name, tmp_path / "tests")
    return tmp_path


def test_the_suite_takes_a_new_dialect_up(checkout):
    src = checkout / "src"
    made = delivrd(checkout, "providers", "new", "acme", "--title", "Acme SMS", path=src)
    assert made.returncode == 0, made.stderr
    page = (checkout / "docs/providers/acme.md").read_text("utf-8")
    assert page.startswith("# Acme SMS\n")
    tested = run(checkout, "-m", "pytest", "tests/providers", "-k", "acme", path=src)
    assert tested.returncode == 0, tested.stdout
    assert " passed" in tested.stdout.splitlines()[-1]


def test_nothing_is_overwritten(checkout):
    first = delivrd(checkout, "providers", "new", "acme", "--package", path=checkout / "src")
    assert first.returncode == 0
    again = delivrd(checkout, "providers", "new", "acme", "--package", path=checkout / "src")
    assert again.returncode == 1
    assert "is there already" in again.stderr


def test_a_package_of_its_own_is_found_once_it_is_installed(tmp_path):
    """The example of how a third party brings a dialect: the entry point delivrd.providers."""
    assert delivrd(tmp_path, "providers", "new", "acme", "--package").returncode == 0
    site = tmp_path / "site"
    installed = run(
        tmp_path, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
        "--no-index", "--target", str(site), "./delivrd-acme",
    )  # fmt: skip
    assert installed.returncode == 0, installed.stderr
    line = json.dumps({"method": "POST", "content_type": "application/json", "body": EXAMPLE})
    told = json.loads(delivrd(tmp_path, "parse", "acme", path=site, given=line).stdout)
    (receipt,) = told["receipts"]
    assert (receipt["status"], receipt["reason"]) == ("rejected", "blocked_by_recipient")
    listed = json.loads(delivrd(tmp_path, "providers", "list", "--json", path=site).stdout)
    assert "acme" in {row["name"] for row in listed}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["A b"], "is no name for a dialect"),
        (["vonage", "--package"], "there is a dialect vonage already"),
        (["acme"], "this is no checkout of delivrd"),
    ],
)
def test_a_name_or_a_place_that_will_not_do_is_told(tmp_path, arguments, why):
    told = delivrd(tmp_path, "providers", "new", *arguments)
    assert told.returncode != 0
    assert why in told.stderr
