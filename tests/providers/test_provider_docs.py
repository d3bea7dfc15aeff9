import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from delivrd.cli.main import build
from delivrd.providers import docs, names, provider

FOLDER = Path(__file__).parents[2] / "docs" / "providers"


def test_no_page_is_stale():
    assert docs.stale(FOLDER) == [], "run python -m delivrd.providers.docs"


@pytest.mark.parametrize("name", names())
def test_a_page_has_five_steps_and_every_word_and_code(name):
    of, page = provider(name), (FOLDER / f"{name}.md").read_text()
    assert len(of.set_up) == 5
    for word in (*of.statuses, *of.errors, *of.send_errors, *of.fields):
        assert f"| `{word}` |" in page


def test_the_check_fails_on_a_stale_page_and_writing_mends_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert docs.main(["--check"]) == 1
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    page = tmp_path / "docs/providers/vonage.md"
    page.write_text(page.read_text().replace("pending", "delivered"))
    assert docs.main(["--check"]) == 1


@pytest.mark.parametrize("name", [name for name in names() if provider(name).send])
def test_the_send_command_of_the_last_step_is_one_that_the_program_takes(name):
    command = re.search(r"`delivrd (send .*?)`", provider(name).set_up[-1])
    send = get_command(build(["send"])).commands["send"]
    taken = send.make_context("send", shlex.split(command[1])[1:]).params
    assert (taken["text"], taken["via"], taken["wait"]) == ("Hello", [name], 60)


@pytest.mark.parametrize("name", [name for name in names() if not provider(name).send])
def test_the_last_step_of_a_dialect_that_only_receives_shows_its_receipts(name):
    command = re.search(r"`delivrd (receipts tail .*?)`", provider(name).set_up[-1])
    tail = get_command(build(["receipts"])).commands["receipts"].commands["tail"]
    taken = tail.make_context("tail", shlex.split(command[1])[2:]).params
    assert taken["account"] == name
