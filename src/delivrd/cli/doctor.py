"""`delivrd doctor`: what is wrong, and the command that mends it."""

import asyncio
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import typer

from delivrd.cli.client import ConfigOption, Hub, given_key, same_settings
from delivrd.cli.init import left_as_written
from delivrd.cli.output import (
    FAILED,
    USAGE,
    Failure,
    JsonOption,
    ago,
    clean,
    marked,
    note,
    print_json,
    styled,
)
from delivrd.config import (
    ID_FORMATS,
    Config,
    ConfigError,
    exposure,
    hide_password,
    load,
    proofs,
)
from delivrd.core.statement import moment
from delivrd.core.text import counted, noun
from delivrd.providers.base import comparable
from delivrd.store.alerts import Doing, channels_doing, rules
from delivrd.store.health import Figures, Loose
from delivrd.store.ids import born, now_micros

BACKLOG_SECONDS = 60
CLOCK_SECONDS = 2

MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "bad": ("✗", "red")}


class Check(NamedTuple):
    """One finding; ``state`` is ``ok``, ``warning`` or ``bad``, ``mend`` what to do about it."""

    name: str
    state: str
    what: str
    mend: str = ""


def ok(name: str, what: str) -> Check:
    return Check(name, "ok", what)


def command(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Look for problems, and say how to fix them. Exits with 1 if something is wrong.

    Only reads; a hub may be running.

    \b
    delivrd doctor --json
    """
    try:
        loaded = load(config, os.environ)
    except ConfigError as error:
        checks = [
            Check("settings", "bad", f"{at.where}: {at.key}: {at.what}", at.hint)
            for at in error.problems
        ]
    else:
        checks = asyncio.run(examine(loaded))
    _print(checks, as_json)
    words = same_settings(config)
    if words and not as_json and any("delivrd " in check.mend for check in checks):
        note(f"The commands need the same settings: {words}")
    raise typer.Exit(FAILED if any(check.state == "bad" for check in checks) else 0)


def _print(checks: Iterable[Check], as_json: bool) -> None:
    checks = list(checks)
    if as_json:
        good = all(check.state != "bad" for check in checks)
        print_json({"ok": good, "checks": [check._asdict() for check in checks]})
        return
    for check in checks:
        mark, colour = MARKS[check.state]
        typer.echo(f"{styled(mark, colour)} {check.name}: {clean(check.what)}")
        if check.mend:
            typer.echo(f"    → {clean(check.mend)}")


# --- the examination ----------------------------------------------------------------------------


async def examine(config: Config) -> list[Check]:
    """Every finding about these settings, their database and the hub that runs on it."""
    from delivrd.cli import doctor_alerts
    from delivrd.cli.doctor_relay import endpoints
    from delivrd.store import health
    from delivrd.store.base import StoreUnavailable
    from delivrd.store.endpoints import every
    from delivrd.store.open import advice
    from delivrd.store.reader import NotUpgraded, open_reader

    running, answers = await asyncio.to_thread(_hub_answers, config)
    checks = [ok("settings", counted(len(config.accounts), "account")), *accounts(config)]
    doing: Mapping[str, Doing] = {}
    try:
        async with open_reader(config.database) as reader:
            figures = await reader.read(health.figures)
            checks.append(_database(config, figures))
            checks += [running, *await _durability(config, figures, answers)]
            checks += [*disk(config, figures), *judge(figures, now_micros())]
            checks += last_receipts(config, figures, await reader.read(health.account_rows))
            checks += await _unmatched(config, reader)
            checks += await _diagnosed(reader)
            doing = await reader.read(lambda tx: channels_doing(tx, config.alerts.channels))
            checks += doctor_alerts.rules(config, await reader.read(rules))
            checks += endpoints(await reader.read(lambda tx: every(tx, callbacks=True)))
    except StoreUnavailable as error:
        mend = advice(error) or _mend_database(config)
        checks += [Check("database", "bad", str(error), mend), running]
    except NotUpgraded as error:
        checks += [Check("database", "bad", str(error), "delivrd db upgrade"), running]
    return [*checks, *doctor_alerts.channels(config, doing)]


def _database(config: Config, figures: Figures) -> Check:
    from delivrd.store.open import READ_ONLY

    if figures.read_only:
        return Check("database", "bad", "can only be read: a standby, or by the user", READ_ONLY)
    return ok("database", hide_password(config.database))


def _mend_database(config: Config) -> str:
    from delivrd.store.open import sqlite_path

    path = sqlite_path(config.database)
    if path is None:
        return "start PostgreSQL, or check `database` in the settings"
    if path.exists():
        return "check `database` in the settings, or put a backup in its place"
    return "check `database` in the settings; `delivrd serve` makes a new file"


def _hub_answers(config: Config) -> tuple[Check, bool]:
    """What there is to say of the hub, and whether one answers."""
    try:
        hub = Hub(os.environ.get("DELIVRD_URL") or config.local_url, "")
        hub.get("/healthz", timeout=5.0)
    except Failure as failure:
        said = f"{failure.what}: {failure.why}"
        if failure.code == USAGE:
            return Check("hub", "bad", said, "correct DELIVRD_URL, or unset it"), False
        return Check("hub", "warning", said, "delivrd serve"), False
    return _hub_works(config, hub.url), True


def _hub_works(config: Config, url: str) -> Check:
    """What the hub says of its parts, where there is a key to ask it with."""
    where, admin = f"answers at {url}", config.admin_key
    try:
        key = given_key(os.environ) or (admin.get_secret_value() if admin else "")
        told = Hub(url, key).get("/readyz", timeout=5.0)
    except Failure as failure:
        if failure.status == 503:
            return Check("hub", "bad", f"{where}: {failure.why}", "read the hub's log")
        if failure.code == USAGE:
            return Check("hub", "bad", f"{failure.what}: {failure.why}", "check DELIVRD_KEY_FILE")
        return ok("hub", where)
    if restarts := told.get("restarts"):
        named = ", ".join(f"{part} ({n})" for part, n in sorted(restarts.items()))
        return Check(
            "hub",
            "warning",
            f"{where}; parts that failed and were started again: {named}",
            "read the hub's log",
        )
    return ok("hub", f"{where}, and all its parts run")


def accounts(config: Config) -> Iterator[Check]:
    """Accounts whose webhook anybody could call."""
    if not config.accounts:
        hint = "fill one in, in delivrd.toml (delivrd init writes it), or look: delivrd demo"
        yield Check("accounts", "warning", "there is none", hint)
    for problem in exposure(config):
        yield Check("accounts", "bad", f"{problem.key}: {problem.what}", problem.hint)
    for name, account in config.accounts.items():
        if left := left_as_written(account):
            what = f"{name}: {', '.join(left)}: still what `delivrd init` wrote"
            yield Check("accounts", "bad", what, f"put yours into [accounts.{name}]")
        if not proofs(account) and not account.simulated and (config.local or account.open):
            yield Check(
                "accounts",
                "warning",
                f"{name}: nothing proves where a call comes from",
                f"set webhook_secret (or what the gateway signs with) in [accounts.{name}]",
            )


async def _durability(config: Config, figures: Figures, running: bool) -> list[Check]:
    """How durable a commit is: on the hub's own connection where one runs on SQLite."""
    from delivrd.jobs import JobFailed, ask_hub
    from delivrd.store.open import sqlite_path

    settings = dict(figures.settings)
    if running and sqlite_path(config.database) is not None:
        try:
            settings = await ask_hub(config, "db.durability", {})
        except (JobFailed, OSError) as error:
            why = f"the hub's connection cannot be asked: {error}"
            return [Check("durability", "warning", why, "start the hub anew: delivrd serve")]
    wanted = {"journal_mode": "wal", "synchronous": "full"}
    wrong = [f"{k} = {v}" for k, v in settings.items() if v != wanted.get(k, "on")]
    if wrong:
        mend = "the server's settings let acknowledged receipts be lost: set them to on"
        return [Check("durability", "bad", ", ".join(wrong), mend)]
    return [ok("durability", ", ".join(f"{k} = {v}" for k, v in settings.items()))]


def disk(config: Config, figures: Figures) -> Iterator[Check]:
    """Free disk, where the database is a file of this machine."""
    from delivrd.keeping.sweep import disk_is_low, free_disk

    free, kept = free_disk(config), config.retention
    if free is None:
        return
    words = f"{free / 1024**3:.1f} GiB free, the mark is {kept.low_disk_mb} MB"
    if not disk_is_low(config):
        yield ok("disk", words)
        return
    since = figures.oldest_body
    left = "none is left" if since is None else f"the oldest that is left is of {moment(since):%F}"
    yield Check(
        "disk",
        "bad",
        f"{words}; bodies of webhook calls that are older than an hour go first: {left}",
        "make room, or take away what is past its time: delivrd db prune",
    )


def judge(figures: Figures, now: int) -> Iterator[Check]:
    """What the figures of a store say."""
    waiting = 0.0 if figures.oldest_waiting is None else (now - figures.oldest_waiting) / 1e6
    words = counted(figures.backlog, "request waits", "requests wait") + " for the fold"
    if waiting > BACKLOG_SECONDS:
        yield Check("fold", "bad", f"{words}, the oldest for {waiting:.0f} s", "delivrd serve")
    else:
        yield ok("fold", words)
    yield from _counted(figures)
    yield _clock(figures, now)


def _clock(figures: Figures, now: int) -> Check:
    """Whether this machine's clock agrees with the database's, and with the ids given so far."""
    apart = [0]
    if figures.database_clock is not None:
        apart.append(abs(figures.database_clock - now))
    if figures.newest_id is not None:
        apart.append(born(figures.newest_id) - now)  # that an id is old says nothing of a clock
    seconds = max(apart) / 1e6
    if seconds > CLOCK_SECONDS:
        return Check(
            "clock",
            "bad",
            f"this machine's clock and the database's are {seconds:.0f} s apart",
            "set the clock: timedatectl set-ntp true",
        )
    return ok("clock", "agrees with the database's")


def _counted(figures: Figures) -> Iterator[Check]:
    week = "in the last 7 days"
    for name, count, one, rest, mend in (
        (
            "unreadable",
            figures.unreadable,
            "webhook call",
            f"that could not be read, or not wholly, {week}",
            "delivrd requests list --verdict unreadable; delivrd requests list --verdict partly",
        ),
        (
            "unmapped",
            figures.unmapped,
            "receipt",
            f"with an unknown status word or error code {week}",
            "delivrd receipts unmapped; give them a meaning in [overrides.PROVIDER], or upgrade",
        ),
        (
            "refused",
            figures.refused,
            "webhook call",
            f"refused for the signature or secret {week}",
            "delivrd requests list --verdict refused; check the account's secrets",
        ),
    ):
        if count:
            yield Check(name, "warning", f"{counted(count, one)} {rest}", mend)
        else:
            yield ok(name, f"no {one}s {rest}")
    if figures.set_aside:
        words = counted(figures.set_aside, "receipt") + " could not be folded"
        yield Check(
            "set aside",
            "bad",
            f"{words}; each start tries them again",
            "delivrd requests list --verdict partly",
        )
    else:
        yield ok("set aside", "nothing")


def last_receipts(config: Config, figures: Figures, rows: Iterable[Any]) -> Iterator[Check]:
    """When each account was last called."""
    now = moment(now_micros())
    for account_id, name, *_ in rows:
        if name not in config.accounts:
            continue
        last = figures.last_calls.get(account_id)
        if last is None:
            mend = f"check the webhook's address at the gateway: …/webhooks/{name}"
            yield Check("receipts", "warning", f"{name}: no call of late", mend)
        else:
            yield ok("receipts", f"{name}: last call {ago(moment(last).isoformat(), now)}")


async def _diagnosed(reader: Any) -> list[Check]:
    """What the last day's messages and receipts say."""
    from delivrd.insight.diagnosis import diagnosis

    now = now_micros()
    told = await reader.read(lambda tx: diagnosis(tx, reader.accounts, now))
    return [
        Check(one.name, one.state, marked(one.what, one._asdict()), one.next)
        for one in told.findings
    ]


# --- receipts without a message -----------------------------------------------------------------


async def _unmatched(config: Config, reader: Any) -> list[Check]:
    from delivrd.store import health

    loose: list[Loose] = await reader.read(health.unmatched)
    if not loose:
        return [ok("unmatched", "every receipt older than a minute has its message")]
    names = {row[0]: row for row in await reader.read(health.account_rows)}
    silent = await reader.read(health.silent)
    checks = []
    for ns, count in Counter(each.ns for each in loose).most_common():
        ids = [each.provider_message_id for each in loose if each.ns == ns]
        name = names[ns][1]
        mend = propose_format(name, ids, silent.get(ns, ()))
        mend = mend or await _propose_login(reader, names, ns, ids)
        more = "or more " if len(loose) >= health.UNMATCHED else ""
        receipts = f"{count} {more}{noun(count, 'receipt')}"
        checks.append(
            Check(
                "unmatched",
                "warning",
                f"{name}: {receipts} for messages that nobody sent from here",
                mend
                or "register what other programs send (POST /v1/messages/sent), or set "
                f"receive_only = true in [accounts.{name}]; a hand-over whose answer was lost "
                "(unsure) may leave some too",
            )
        )
    return checks


def propose_format(name: str, loose: list[str], silent: Iterable[str]) -> str:
    """The id_format by which receipts would find what was sent; never a guess between two."""
    sent = list(silent)
    fits = {}
    for form in ID_FORMATS:
        known = {comparable(each, form) for each in sent}
        fits[form] = sum(comparable(each, form) in known for each in loose)
    best = max(fits.values(), default=0)
    forms = [form for form, count in fits.items() if count == best]
    if not best:
        return ""
    if len(forms) > 1:
        return f"{best} would fit by id_format {' or '.join(forms)}: ask the gateway which"
    return f'set id_format = "{forms[0]}" in [accounts.{name}]: {best} would find their message'


async def _propose_login(reader: Any, names: dict[int, Any], ns: int, ids: list[str]) -> str:
    """The account of the same provider that sent these."""
    from delivrd.store import health
    from delivrd.store.accounts import key_space

    others = [row for row in names.values() if row[2] == names[ns][2] and row[3] != ns]
    for _, other, _, other_ns, id_format in others:
        space = key_space(other_ns, id_format)
        keys = [f"{space}/{comparable(each, id_format)}" for each in ids]
        found = await reader.read(partial(health.sent_under, keys=keys))
        if found:
            name = names[ns][1]
            return (
                f'set ids_with = "{other}" in [accounts.{name}]: '
                f"{counted(len(found), 'was', 'were')} sent by {other}, on the same login it seems"
            )
    return ""
