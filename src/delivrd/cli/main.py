"""The command `delivrd`: which commands there are, and what an error looks like.

A command's module is imported only when the command is called, so that `delivrd --help` is quick
and a command needs no more than it uses.
"""

import errno
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from io import StringIO, TextIOWrapper
from typing import NamedTuple

import typer

import delivrd
from delivrd.cli import output
from delivrd.cli.output import FAILED, Failure, fail


class Entry(NamedTuple):
    """A command or group: a module of `delivrd.cli` with an ``app`` or a function ``command``."""

    name: str
    module: str
    help: str


COMMANDS = (
    Entry("serve", "serve", "Run the hub: webhooks, API, dashboard, sending."),
    Entry("demo", "demo", "Run a demo: a hub, simulated gateways and traffic."),
    Entry("init", "init", "Write a first delivrd.toml."),
    Entry("send", "send", "Send a text message."),
    Entry("messages", "messages", "List, show and export messages."),
    Entry("receipts", "receipts", "Print receipts as they come in; list what is unmatched."),
    Entry("requests", "requests", "Inspect stored webhook calls, and replay them."),
    Entry("stats", "stats", "Show rates, latencies, settled rates and comparisons."),
    Entry("endpoints", "endpoints", "Manage endpoints: the systems that get your events."),
    Entry("deliveries", "deliveries", "List, show and replay deliveries of events."),
    Entry("alerts", "alerts", "Show and preview alert rules; handle firings and channels."),
    Entry("listen", "listen", "Print events as they happen, and forward them to this machine."),
    Entry("parse", "parse", "Read captured receipts on standard input."),
    Entry("providers", "providers", "List the gateways' dialects, and show their tables."),
    Entry("simulate", "simulate", "Simulate gateways, and send traffic through a running hub."),
    Entry("doctor", "doctor", "Look for problems, and say how to fix them."),
    Entry("tunnel", "tunnel", "Let gateways reach this machine's webhooks, for development."),
    Entry("db", "db", "Maintain the database: verify, back up, prune, upgrade."),
    Entry("keys", "keys", "Create, list and revoke API keys."),
    Entry("config", "config", "Show the settings in force."),
)


def main() -> None:
    """The entry point of the installed command."""
    sys.exit(run(sys.argv[1:]))


def run(args: Sequence[str]) -> int:
    """Runs one command line and returns its exit code.

    0: done, 1: failed, 2: wrong usage or settings, 3: the hub cannot be reached.
    """
    from delivrd.config import ConfigError

    _print_anything()
    try:
        build(args)(args=list(args), prog_name="delivrd")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Failure as failure:
        fail(failure)
        return failure.code
    except ConfigError as error:
        fail(Failure(f"the settings cannot be used\n{error}", code=2))
        return 2
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO) and not error.filename:
            sys.stdout = StringIO()  # what it still holds cannot be written either
            fail(Failure("the output cannot be written", error.strerror or ""))
            return FAILED
        if error.filename is None:
            raise
        fail(Failure(f"{error.filename} cannot be used", error.strerror or ""))
        return FAILED
    return 0


def _print_anything() -> None:
    """Escapes what the terminal's alphabet lacks, and lone surrogates, rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def build(args: Sequence[str]) -> typer.Typer:
    """The application with the called command in full, and of the others the names only."""
    app = typer.Typer(
        help="An SMS delivery-receipt hub: send through many gateways, know what arrived.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 no hub answers.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    called = next((arg for arg in args if not arg.startswith("-")), None)
    completing = "_DELIVRD_COMPLETE" in os.environ
    for entry in COMMANDS:
        if completing or entry.name == called:
            _add(app, entry)
        else:
            app.command(entry.name, help=entry.help)(_not_called)
    return app


def _add(app: typer.Typer, entry: Entry) -> None:
    module = import_module(f"delivrd.cli.{entry.module}")
    group: typer.Typer | None = getattr(module, "app", None)
    if group is not None:
        app.add_typer(group, name=entry.name, help=entry.help, no_args_is_help=True)
    else:
        command: Callable[..., None] = module.command
        app.command(entry.name)(command)


def _not_called() -> None:
    raise AssertionError("a command that was not called is only a name in the help")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"delivrd {delivrd.__version__}")
        raise typer.Exit


def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Say nothing but data and errors."),
    no_color: bool = typer.Option(False, "--no-color", help="No colours, as with NO_COLOR."),
) -> None:
    output.quiet = quiet
    if no_color:
        os.environ["NO_COLOR"] = "1"
