"""What the benchmarks say they measured, and that their options do something."""

from contextlib import nullcontext

import pytest
from rich.console import Console

from bench import __main__ as bench
from bench import relay, scale
from bench.servers import GENERATOR_CORE


def test_what_is_stored_is_told_by_the_messages_that_are_there():
    """Also those that still wait for their receipt take room."""
    size = scale.Size(
        receipts=100, messages=250, intake={"recent": 1, "spread": 1},
        folded={"recent": 1, "spread": 1}, stored_bytes=250_000,
    )  # fmt: skip
    assert ["bytes a message", "1,000"] in scale.lines([size])


@pytest.mark.parametrize(("flags", "core"), [([], GENERATOR_CORE), (["--no-pin"], None)])
def test_the_intake_beside_the_relay_is_pinned_unless_that_is_not_wanted(flags, core, monkeypatch):
    class Staged(Exception):
        pass

    def staged(names, messages, console, parent, core):
        raise Staged(core)

    monkeypatch.setattr(relay, "_sink", nullcontext)
    monkeypatch.setattr(relay, "_databases", nullcontext)
    monkeypatch.setattr(relay, "staged", staged)
    options = bench._parser().parse_args(["relay", "--rounds", "0", *flags])
    with pytest.raises(Staged) as stage:
        options.run(options, Console(quiet=True))
    assert stage.value.args == (core,)


@pytest.mark.parametrize(
    ("command", "option"),
    [(command, option) for command in ("parse", "insight", "alerts")
     for option in ("--dir=/tmp", "--no-pin")] + [("stats", "--no-pin")],
)  # fmt: skip
def test_an_option_that_would_do_nothing_is_refused(command, option):
    with pytest.raises(SystemExit):
        bench._parser().parse_args([command, option])
