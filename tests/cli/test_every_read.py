"""Each command that reads asks a hub only what it knows: they are tried on a real one."""

import pytest

READS = [
    ["messages", "list"],
    ["receipts", "unmatched"],
    ["receipts", "unmapped"],
    ["requests", "list"],
    ["endpoints", "list"],
    ["deliveries", "list"],
    ["alerts", "list"],
    ["alerts", "show", "more-failures"],
    ["alerts", "firings"],
    ["alerts", "channels"],
    ["keys", "list"],
    ["stats", "delivery"],
    ["stats", "latency"],
    ["stats", "settled"],
    ["stats", "compare", "GB"],
    ["stats", "honesty"],
]


@pytest.mark.parametrize("command", READS, ids=" ".join)
def test_a_command_that_reads_is_answered(delivrd, served, command: list[str]) -> None:
    assert delivrd(*command).code == 0
    assert isinstance(delivrd(*command, "--json").json, list | dict)


def test_an_export_is_answered(delivrd, served) -> None:
    assert delivrd("messages", "export").code == 0
