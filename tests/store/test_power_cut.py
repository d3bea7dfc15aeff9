"""PostgreSQL on a machine that loses its power: it closes no connection."""

import json
import os
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

from tests.conftest import Need

OWN_NETWORK = ("unshare", "-n" if os.geteuid() == 0 else "-rn")


SILENCE = 3
"""Seconds; the least whose third is one of the kernel's steps."""


def test_connections_to_a_machine_without_power_end_after_its_silence(
    postgres_url: str, need: Need
) -> None:
    """The one that waits for an answer, and the one that only listens."""
    need("unshare")
    able = subprocess.run([*OWN_NETWORK, "true"], capture_output=True, check=False)
    need("a network of its own", found=able.returncode == 0, why=able.stderr.decode())
    server = urlsplit(postgres_url)
    (folder,) = parse_qs(server.query)["host"]
    ran = subprocess.run(
        [
            *OWN_NETWORK, sys.executable, "-m", "tests.store.power_cut",
            f"{folder}/.s.PGSQL.5432", f"postgresql://postgres@{{}}{server.path}", str(SILENCE),
        ],
        capture_output=True, check=True, timeout=30,
    )  # fmt: skip
    for took in json.loads(ran.stdout):
        assert SILENCE - 1 <= took <= 2 * SILENCE
