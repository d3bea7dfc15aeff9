"""`delivrd serve`: what it refuses, and the way in that it prints."""

import socket
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from tests.cli.served import ADMIN_KEY, serving, write_settings
from tests.ports import free_port


@pytest.mark.parametrize("port", ["99999", "-1", "x"])
def test_an_invalid_port_is_wrong_usage(delivrd, port):
    ran = delivrd("serve", "--port", port)
    assert ran.code == 2
    assert "--port" in ran.err


def test_a_port_that_is_taken_is_told_with_another(delivrd):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        ran = delivrd("serve", "--port", str(taken.getsockname()[1]))
    assert ran.code == 1
    assert "--port 8026" in ran.err


def test_an_address_of_another_machine_is_told_as_one(delivrd):
    ran = delivrd("serve", "--host", "127.0.0.1.invalid", "--port", "0")
    assert ran.code == 1
    assert "--host 127.0.0.1" in ran.err
    assert "--port" not in ran.err


def test_the_first_start_prints_the_way_in_also_where_the_settings_have_a_key(tmp_path, sqlite_url):
    """`delivrd init` writes a key; the link is shorter than looking it up."""
    settings = write_settings(tmp_path, sqlite_url)
    with serving(settings):
        pass
    assert "/sign-in?token=" in settings.with_name("hub.log").read_text()


def test_no_link_is_printed_where_the_environment_gives_the_key(tmp_path, sqlite_url, monkeypatch):
    """Such a hub starts again and again with nobody there, and its log is kept by others."""
    monkeypatch.setenv("DELIVRD_ADMIN_KEY", ADMIN_KEY)
    settings = write_settings(tmp_path, sqlite_url)
    with serving(settings):
        pass
    assert "/sign-in?token=" not in settings.with_name("hub.log").read_text()


@pytest.mark.parametrize("more", [("--workers", "2"), ("--role", "intake")])
def test_sqlite_is_served_by_one_process_that_does_everything(tmp_path, sqlite_url, delivrd, more):
    settings = write_settings(tmp_path, sqlite_url)
    ran = delivrd("serve", *more, "--config", str(settings))
    assert ran.code == 2
    assert "postgresql://" in ran.err


BARE = '[accounts.bare]\nprovider = "ruach"\nreceive_only = true\n'


@pytest.mark.parametrize(
    ("public", "options"),
    [("", ("--host", "192.0.2.1")), ('public_url = "https://sms.example.org"\n', ())],
    ids=["host", "public_url"],
)
def test_a_hub_that_others_reach_is_not_started_where_anybody_could_forge_receipts(
    tmp_path, sqlite_url, delivrd, public, options
):
    """H2: unless the settings say `open`; then it comes as far as its port, which is taken."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        serve = ("serve", "--port", str(taken.getsockname()[1]), *options, "--config")
        ran = delivrd(*serve, str(write_settings(tmp_path, sqlite_url, public + BARE)))
        assert ran.code == 2
        assert "accounts.bare" in ran.err
        assert "open = true" in ran.err
        settings = write_settings(tmp_path, sqlite_url, public + BARE + "open = true\n")
        assert delivrd(*serve, str(settings)).code == 1


def test_a_database_that_cannot_be_opened_is_told_with_what_to_do(tmp_path, delivrd):
    (folder := tmp_path / "folder.db").mkdir()
    nowhere = f"127.0.0.1:{free_port()}"
    for database, why, what in (
        (f"sqlite:///{folder}", f"{folder}: is a directory", "name a file in `database`"),
        (f"postgresql://u:p@{nowhere}/x", f"{nowhere}: connection refused", "delivrd doctor"),
    ):
        settings = write_settings(tmp_path, database)
        ran = delivrd("serve", "--config", str(settings))
        assert ran.code == 3
        assert why in ran.err
        assert what in ran.err
        assert why in delivrd("doctor", "--config", str(settings)).out


def test_several_processes_are_not_started_on_a_database_that_is_not_there(
    postgres_url, tmp_path, delivrd
):
    url = urlsplit(postgres_url)._replace(path="/nothing_of_this_name").geturl()
    ran = delivrd("serve", "--workers", "2", "--config", str(write_settings(tmp_path, url)))
    assert ran.code == 3
    assert "nothing_of_this_name" in ran.err


def test_an_interrupted_start_leaves_no_traceback(tmp_path, sqlite_url):
    settings = write_settings(tmp_path, sqlite_url)
    with serving(settings) as process:
        process.send_signal(2)
        assert process.wait(60) == 0
    assert "Traceback" not in settings.with_name("hub.log").read_text()
