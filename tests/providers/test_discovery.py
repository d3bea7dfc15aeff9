import pytest

import delivrd.providers
from delivrd.providers import UnknownProvider, names, provider, ruach, smspm, vonage


def test_the_dialects_are_found_by_name():
    assert {"vonage", "smspm", "ruach"} <= set(names())
    assert provider("vonage").module is vonage


def test_helper_modules_are_no_providers():
    assert not {"base", "fields", "reading", "handover", "parse", "docs"} & set(names())


@pytest.mark.parametrize(
    ("name", "hint"),
    [("vonnage", "Did you mean vonage?"), ("Ruach", "Did you mean ruach?"), ("???", "Known: ")],
)
def test_an_unknown_name_names_the_nearest(name, hint):
    with pytest.raises(UnknownProvider) as error:
        provider(name)
    assert hint in str(error.value)


def test_other_packages_add_providers_by_entry_point(tmp_path, monkeypatch):
    (tmp_path / "acme_sms.py").write_text(
        "from delivrd.providers import ruach\n"
        "NAME, DOCS, STATUSES, read = 'acme', 'https://acme.example', ruach.STATUSES, ruach.read\n"
    )
    info = tmp_path / "acme_sms-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: acme-sms\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[delivrd.providers]\nacme = acme_sms\n")
    monkeypatch.syspath_prepend(tmp_path)
    delivrd.providers._all.cache_clear()
    try:
        assert provider("acme").docs == "https://acme.example"
        assert "vonage" in names()
    finally:
        delivrd.providers._all.cache_clear()


@pytest.mark.parametrize("module", [vonage, smspm, ruach])
def test_an_account_that_sends_needs_its_credentials(module):
    with pytest.raises(ValueError, match=module.Settings.NEEDED_TO_SEND[0]):
        module.Settings()
    assert module.Settings(receive_only=True).provider == module.NAME
