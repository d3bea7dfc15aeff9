"""`delivrd db` and the hand-over of jobs to a running hub (rule G4)."""

import asyncio
import socket
import sqlite3
import stat
from contextlib import closing
from urllib.parse import urlsplit

import asyncpg
import pytest

from delivrd.cli.client import Hub
from delivrd.cli.output import Failure
from delivrd.config import load
from delivrd.jobs import JobFailed, ask_hub, socket_path
from delivrd.store.sqlite import FileGuard
from tests.cli.served import ADMIN_KEY, address, serving, write_settings


@pytest.fixture
def settings(tmp_path, database_url):
    return write_settings(tmp_path, database_url)


@pytest.fixture
def sqlite_settings(tmp_path, sqlite_url):
    return write_settings(tmp_path, sqlite_url)


def execute(settings, sql):
    url = load(settings, {}).database
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            connection.execute(sql)
        return

    async def run():
        connection = await asyncpg.connect(url)
        await connection.execute(sql)
        await connection.close()

    asyncio.run(run())


def opens(settings, key):
    """Whether the running hub takes the key."""
    return Hub(address(settings), key).get("/v1/keys")["items"]


# --- keys ---------------------------------------------------------------------------------------


def test_a_key_is_made_before_the_first_start_and_opens_the_hub(settings, delivrd):
    made = delivrd("keys", "create", "ci", "--scope", "admin", "--json", "--config", str(settings))
    assert made.code == 0
    with serving(settings):
        (key,) = opens(settings, made.json["key"])
        assert (key["name"], key["created_at"]) == ("ci", made.json["created_at"])


def test_a_key_is_made_and_revoked_while_the_hub_runs(settings, delivrd):
    with serving(settings):
        made = delivrd(
            "keys", "create", "ci", "--scope", "admin", "--json", "--config", str(settings)
        )
        assert opens(settings, made.json["key"])
        assert delivrd("keys", "revoke", made.json["id"], "--config", str(settings)).code == 0
        listed = delivrd("keys", "list", "--json", "--config", str(settings)).json
        assert listed[0]["revoked_at"] is not None
        with pytest.raises(Failure, match="Unauthorized"):
            opens(settings, made.json["key"])


def test_a_key_is_made_after_the_hub_was_killed(sqlite_settings, delivrd):
    """Its socket lies there still, and nobody listens."""
    database = sqlite_settings.with_name("delivrd.db")
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(socket_path(database)))
    made = delivrd("keys", "create", "x", "--scope", "send", "--config", str(sqlite_settings))
    assert made.code == 0


def test_a_key_whose_id_has_one_digit_more_is_revoked_too(settings, delivrd):
    """As ids have from September 2027 on."""
    row_id = 10**18
    delivrd("keys", "create", "ci", "--scope", "read", "--config", str(settings))
    execute(settings, f"UPDATE api_key SET id = {row_id}")
    assert delivrd("keys", "revoke", str(row_id), "--config", str(settings)).code == 0
    (key,) = delivrd("keys", "list", "--json", "--config", str(settings)).json
    assert key["revoked_at"]


def test_the_key_itself_is_not_listed(settings, delivrd):
    key = delivrd(
        "keys", "create", "ci", "--scope", "send", "--json", "--config", str(settings)
    ).json["key"]
    listed = delivrd("keys", "list", "--json", "--config", str(settings))
    assert key not in listed.out
    assert key.rpartition("_")[2] not in listed.out


@pytest.mark.parametrize("key_id", ["12345", "9999999999999999999", "shop"])
def test_revoking_a_key_that_does_not_exist_fails(settings, delivrd, key_id):
    ran = delivrd("keys", "revoke", key_id, "--config", str(settings))
    assert ran.code == 1
    assert f"there is no key {key_id}" in ran.err


# --- the socket ---------------------------------------------------------------------------------


def test_the_socket_is_its_owners_alone_and_goes_with_the_hub(sqlite_settings):
    path = socket_path(sqlite_settings.with_name("delivrd.db"))
    with serving(sqlite_settings):
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not path.exists()


def test_a_job_that_nobody_knows_is_refused_and_the_hub_goes_on(sqlite_settings):
    config = load(sqlite_settings, {})
    with serving(sqlite_settings):
        with pytest.raises(JobFailed, match="does not know the job"):
            asyncio.run(ask_hub(config, "db.drop", {}))
        with pytest.raises(JobFailed, match="KeyError"):
            asyncio.run(ask_hub(config, "keys.create", {}))
        durability = asyncio.run(ask_hub(config, "db.durability", {}))
    assert durability == {"journal_mode": "wal", "synchronous": "full"}


def test_a_job_is_refused_until_the_hub_has_started_with_changed_settings_of_matching(
    tmp_path, sqlite_url, delivrd
):
    """It would look for messages by keys that they do not have yet."""
    account = '[accounts.main]\nprovider = "generic"\nreceive_only = true\nopen = true\n'
    with serving(write_settings(tmp_path, sqlite_url, account)):
        pass
    settings = write_settings(tmp_path, sqlite_url, f'{account}id_format = "hex"\n')
    ran = delivrd("db", "prune", "--config", str(settings))
    assert ran.code == 1
    assert "id_format, ids_with or receive_only of main changed" in ran.err
    with serving(settings):
        pass
    assert delivrd("db", "prune", "--config", str(settings)).code == 0


def test_a_database_that_another_process_holds_without_taking_jobs_is_told(
    sqlite_settings, delivrd, monkeypatch
):
    monkeypatch.setattr("delivrd.jobs.TAKE_OVER_SECONDS", 0.1)
    guard = FileGuard(sqlite_settings.with_name("delivrd.db"))
    try:
        ran = delivrd("db", "prune", "--config", str(sqlite_settings))
    finally:
        guard.release()
    assert ran.code == 1
    assert "in use" in ran.err


def refuses(*asked, **named):
    """What the system says to another user than the hub's; the superuser is never refused."""
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("command", ["keys create ci --scope read", "db prune"])
def test_a_hub_of_another_user_takes_no_jobs_and_it_is_said_whose_may(
    sqlite_settings, delivrd, monkeypatch, command
):
    with serving(sqlite_settings):
        monkeypatch.setattr(asyncio, "open_unix_connection", refuses)
        ran = delivrd(*command.split(), "--config", str(sqlite_settings))
    assert ran.code == 3
    assert "delivrd.db.sock: permission denied" in ran.err
    assert "as the user that runs the hub" in ran.err


@pytest.mark.parametrize("command", ["keys list", "db verify", "doctor"])
def test_a_database_that_cannot_be_opened_is_explained(tmp_path, delivrd, command):
    """As another user's, for all but the superuser; a socket can be opened by nobody."""
    settings = write_settings(tmp_path, f"sqlite:///{tmp_path / 'delivrd.db'}")
    with closing(socket.socket(socket.AF_UNIX)) as closed:
        closed.bind(str(tmp_path / "delivrd.db"))
        ran = delivrd(*command.split(), "--config", str(settings))
    assert ran.code != 0
    assert "delivrd.db: unable to open" in ran.err + ran.out
    assert "as the user that runs the hub" in ran.err + ran.out


# --- verify, prune, upgrade ---------------------------------------------------------------------


def test_verify_ends_with_0_on_a_right_store_and_with_1_on_a_wrong_one(settings, delivrd):
    assert delivrd("db", "verify", "--config", str(settings)).code == 0
    execute(
        settings,
        "INSERT INTO rollup (unit, bucket, account_id, country, network, status, reason, slot, n) "
        "VALUES (0, 7, 0, 'GB', '', 'delivered', '', 0, 3)",
    )
    wrong = delivrd("db", "verify", "--json", "--config", str(settings))
    assert wrong.code == 1
    (difference,) = wrong.json["differences"]
    assert (difference["what"], difference["stored"], difference["derived"]) == ("rollup", 3, 0)
    told = delivrd("db", "verify", "--config", str(settings))
    assert "n is 3, and 0 would follow" in told.out
    assert "1 difference: 1 of rollup" in told.err


def test_verify_reads_while_the_hub_runs(settings, delivrd):
    with serving(settings):
        assert delivrd("db", "verify", "--config", str(settings)).code == 0


def test_prune_is_done_with_and_without_a_hub(settings, delivrd):
    nonce = "INSERT INTO nonce (account_id, nonce, content, expires_at) VALUES (1, 'n', '', 5)"
    execute(settings, nonce)
    ran = delivrd("db", "prune", "--json", "--config", str(settings))
    assert (ran.code, ran.json) == (0, {"nonces": 1})
    with serving(settings):
        ran = delivrd("db", "prune", "--json", "--config", str(settings))
        assert ran.code == 0


def test_upgrade_makes_the_tables_and_then_says_that_they_are_there(tmp_path, delivrd):
    path = write_settings(tmp_path, f"sqlite:///{tmp_path / 'new.db'}")
    assert "upgraded from nothing" in delivrd("db", "upgrade", "--config", str(path)).err
    assert "up to date" in delivrd("db", "upgrade", "--config", str(path)).err


def test_upgrade_has_nothing_to_do_beside_a_hub_and_is_refused_where_it_has(
    sqlite_settings, delivrd
):
    with serving(sqlite_settings):
        ran = delivrd("db", "upgrade", "--config", str(sqlite_settings))
        assert (ran.code, "up to date" in ran.err) == (0, True)
        execute(sqlite_settings, "UPDATE alembic_version SET version_num = '0009_process_figures'")
        ran = delivrd("db", "upgrade", "--config", str(sqlite_settings))
        assert (ran.code, "in use" in ran.err) == (1, True)


def test_a_database_of_an_earlier_release_is_not_verified(settings, delivrd):
    execute(settings, "UPDATE alembic_version SET version_num = '0009_process_figures'")
    ran = delivrd("db", "verify", "--config", str(settings))
    assert ran.code == 1
    assert "delivrd db upgrade" in ran.err


def test_a_database_that_does_not_exist_is_unreachable(tmp_path, delivrd):
    path = write_settings(tmp_path, f"sqlite:///{tmp_path / 'none.db'}")
    assert delivrd("db", "verify", "--config", str(path)).code == 3


# --- backup -------------------------------------------------------------------------------------


def test_a_backup_is_whole_and_can_be_verified(sqlite_settings, tmp_path, delivrd):
    copy = tmp_path / "copy.db"
    with serving(sqlite_settings):
        Hub(address(sqlite_settings), ADMIN_KEY).post(
            "/v1/keys", {"name": "kept", "scopes": ["send"]}
        )
        ran = delivrd("db", "backup", str(copy), "--config", str(sqlite_settings))
    assert ran.code == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT name FROM api_key").fetchall() == [("kept",)]
    other = write_settings(tmp_path, f"sqlite:///{copy}")
    assert delivrd("db", "verify", "--config", str(other)).code == 0


def test_a_backup_overwrites_nothing(sqlite_settings, tmp_path, delivrd):
    copy = tmp_path / "copy.db"
    copy.write_text("dear to somebody")
    ran = delivrd("db", "backup", str(copy), "--config", str(sqlite_settings))
    assert ran.code == 1
    assert copy.read_text() == "dear to somebody"


def test_on_postgresql_backup_names_pg_dump_without_the_password(tmp_path, delivrd):
    path = write_settings(tmp_path, "postgresql://me:a-long-password@db.example/hub")
    ran = delivrd("db", "backup", "x.dump", "--config", str(path))
    assert ran.code == 2
    assert "pg_dump" in ran.err
    assert "a-long-password" not in ran.err


# --- a database that cannot be used -------------------------------------------------------------


@pytest.fixture
def no_database(tmp_path):
    """Settings that name a file of something else."""
    (tmp_path / "notes.txt").write_text(
        "These are notes, and no database of any kind at all.\n" * 9
    )
    return write_settings(tmp_path, f"sqlite:///{tmp_path / 'notes.txt'}")


COMMANDS = [("serve",), ("db", "upgrade"), ("db", "prune"), ("db", "verify"), ("keys", "list"),
            ("keys", "create", "x", "--scope", "read")]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_file_that_is_no_database_is_explained(no_database, delivrd, command):
    ran = delivrd(*command, "--config", str(no_database))
    assert ran.code == 3
    assert "not a database" in ran.err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_database_of_a_later_release_is_explained(settings, delivrd, command):
    """An upgrade by this release would not help."""
    execute(settings, "UPDATE alembic_version SET version_num = '9999_later'")
    ran = delivrd(*command, "--config", str(settings))
    assert ran.code == 3
    assert "9999_later" in ran.err
    assert "install" in ran.err
    assert "db upgrade" not in ran.err


def test_a_server_that_has_no_such_database_is_explained(postgres_url, tmp_path, delivrd):
    url = urlsplit(postgres_url)._replace(path="/nothing_of_this_name").geturl()
    path = write_settings(tmp_path, url)
    for command in COMMANDS:
        ran = delivrd(*command, "--config", str(path))
        assert (ran.code, ran.out) == (3, "")
        assert "nothing_of_this_name" in ran.err
        assert "createdb" in ran.err


@pytest.mark.parametrize("empty", [True, False], ids=["without tables", "of another user"])
def test_a_user_without_rights_is_told_what_the_database_needs(postgres, tmp_path, delivrd, empty):
    url = postgres.create()
    name = urlsplit(url).path[1:]
    postgres.sql("CREATE USER stranger")
    if empty:
        postgres.sql(f'CREATE DATABASE "empty_{name}"')
    path = write_settings(tmp_path, _as(url, "stranger", f"empty_{name}" if empty else name))
    try:
        for command in [("serve",), ("db", "upgrade") if empty else ("db", "verify")]:
            ran = delivrd(*command, "--config", str(path))
            assert ran.code == 3, ran.err
            assert "permission denied" in ran.err
            assert "OWNER TO" in ran.err
    finally:
        postgres.drop(_as(url, "postgres", f"empty_{name}"))
        postgres.take_back(url)
        postgres.sql("DROP USER stranger")


def _as(url, user, database):
    parts = urlsplit(url)
    return parts._replace(
        netloc=f"{user}@" + parts.netloc.rpartition("@")[2], path=f"/{database}"
    ).geturl()


def test_tables_are_made_over_a_connection_as_the_address_wants_it(postgres, tmp_path, delivrd):
    """Hosted servers want sslmode=require; SQLAlchemy's own connections do not know the word."""
    url = postgres.create()
    name = f"made_{urlsplit(url).path[1:]}"
    postgres.sql(f'CREATE DATABASE "{name}"')
    made = _as(url, "postgres", name)
    try:
        path = write_settings(tmp_path, f"{made}&sslmode=disable")
        ran = delivrd("db", "upgrade", "--config", str(path))
        assert (ran.code, ran.out) == (0, ""), ran.err
        assert delivrd("db", "verify", "--config", str(path)).code == 0
        path = write_settings(tmp_path, f"{made}&sslmode=perhaps")
        ran = delivrd("db", "upgrade", "--config", str(path))
        assert ran.code == 3
        assert "sslmode" in ran.err
    finally:
        postgres.drop(made)
        postgres.take_back(url)


def test_a_folder_in_which_no_file_can_be_made_is_unreachable(tmp_path, delivrd):
    path = write_settings(tmp_path, "sqlite:////proc/delivrd.db")
    assert delivrd("serve", "--config", str(path)).code == 3


def test_prune_makes_no_database(tmp_path, delivrd):
    """In the wrong folder, nightly, it would seem to do its work for ever."""
    path = write_settings(tmp_path, f"sqlite:///{tmp_path / 'none.db'}")
    assert delivrd("db", "prune", "--config", str(path)).code == 3
    assert not (tmp_path / "none.db").exists()
