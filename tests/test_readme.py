"""The page a stranger begins with: its settings serve, its calls arrive, as printed."""

import re
import shlex
import urllib.request
from itertools import pairwise
from pathlib import Path

from tests.pages.pages_support import PagesHub

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
SETTINGS = "\n".join(re.findall(r"```toml\n(.*?)```", README, re.DOTALL))
CALLS = re.findall(r"^    (curl .*/webhooks/.*(?:\n      .*)*)", README, re.MULTILINE)


def called(line: str, hub: str) -> int:
    """The status that a ``curl`` of the README is answered with."""
    _, *words = shlex.split(line)
    address = next(word for word in words if "://" in word).replace("http://127.0.0.1:8025", hub)
    given = dict(pairwise(words))
    headers = dict([given["-H"].split(": ", 1)]) if "-H" in given else {}
    data = given["-d"].encode() if "-d" in given else None
    with urllib.request.urlopen(
        urllib.request.Request(address, data, headers), timeout=60
    ) as answer:
        return int(answer.status)


def test_the_settings_serve_and_each_call_arrives(tmp_path: Path) -> None:
    hub = PagesHub(tmp_path, SETTINGS)
    try:
        assert [called(line, hub.url) for line in CALLS] == [200, 200, 200]
        for theirs in ("02000000FEA5EE9B", "msg_1", "m1"):
            page = hub.page(f"/search?q={theirs}")
            assert re.search("<h1>Read: one receipt that .*delivered.</h1>", page)
    finally:
        hub.stop()
