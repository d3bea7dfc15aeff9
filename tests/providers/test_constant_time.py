"""Secrets and signatures are compared in constant time, on bytes (rule H6)."""

import ast
import hmac
import re
from pathlib import Path

import pytest

import delivrd
from delivrd.providers.base import same

SOURCE = Path(delivrd.__file__).parent
CHECKING = [*sorted(SOURCE.glob("providers/*.py")), SOURCE / "intake/proof.py",
            SOURCE / "web/auth.py", SOURCE / "store/keys.py"]  # fmt: skip
SECRET = re.compile(r"(?<!len\()\b(secret|signature|expected|digest|made|segments|_basic|_admin"
                    r"|csrf|get_secret_value)\b")  # fmt: skip


@pytest.mark.parametrize("given", ["grün", "grün".encode()])
def test_the_comparison_takes_the_same_time_wherever_the_first_difference_is(given, monkeypatch):
    compared = []
    monkeypatch.setattr(hmac, "compare_digest", lambda *pair: compared.append(pair))
    same(given, "blau")
    assert compared == [("grün".encode(), b"blau")]


def plain_comparisons(source):
    """The ``==`` and ``!=`` in it that have a secret or a signature on a side."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            sides = (node.left, *node.comparators)
            if not any(isinstance(side, ast.Constant) for side in sides):
                yield from filter(SECRET.search, [ast.unparse(node)])


@pytest.mark.parametrize("path", CHECKING, ids=lambda path: path.name)
def test_no_secret_and_no_signature_is_compared_otherwise(path):
    assert list(plain_comparisons(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    ["given == secret.get_secret_value()", "lower != signature(told, key, method)",
     "any(value == expected for value in listed)", "given == hmac.digest(key, body, how).hex()",
     "segments[0] == s", "given.strip() == self._basic", "digest(given) == self._admin"],
)  # fmt: skip
def test_such_a_comparison_would_be_seen(source):
    assert list(plain_comparisons(source))
