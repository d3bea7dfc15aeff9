"""Endpoints in `delivrd.toml`: what they may say, and how mistakes are told."""

from pathlib import Path

import pytest

from delivrd.config import Config, ConfigError, load, secrets

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SHOP = f'[endpoints.shop]\nurl = "https://app.example.org/sms"\nsecret = "{SECRET}"\n'
ACCOUNT = '[accounts.main]\nprovider = "vonage"\nreceive_only = true\n'


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def loaded(text: str, environ: dict[str, str] | None = None) -> Config:
    Path("delivrd.toml").write_text(text, encoding="utf-8")
    return load(None, environ or {})


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as raised:
        loaded(text)
    return str(raised.value)


def test_an_endpoint_says_all_that_the_api_takes() -> None:
    more = (
        'statuses = ["delivered"]\naccounts = "main"\ncountries = "gb"\nfinal_only = true\n'
        "ordered = true\nrate_limit = 20\nbatch_size = 50\nbatch_ms = 500\n"
    )
    given = loaded(ACCOUNT + SHOP + more).endpoints["shop"].given()
    assert given["statuses"] == ["delivered"]
    assert (given["accounts"], given["countries"]) == (["main"], ["GB"])
    assert (given["final_only"], given["ordered"], given["operational"]) == (True, True, False)
    assert (given["rate_limit"], given["batch_size"], given["batch_ms"]) == (20, 50, 500)


def test_a_secret_and_the_one_that_it_replaces_both_sign() -> None:
    text = SHOP.replace(f'"{SECRET}"', f'["{SECRET}", "{SECRET[:-1]}x"]')
    assert loaded(text).endpoints["shop"].secrets == [SECRET, f"{SECRET[:-1]}x"]


def test_secrets_of_endpoints_can_stand_in_files() -> None:
    Path("secret").write_text(SECRET + "\n", encoding="utf-8")
    Path("token").write_text("an-auth-token-of-length\n", encoding="utf-8")
    text = (
        '[endpoints.my-shop]\nurl = "https://app.example.org/sms"\n'
        '[endpoints.old]\nurl = "https://old.example.org/sms"\nformat = "twilio"\n'
    )
    environ = {
        "DELIVRD_ENDPOINTS__MY_SHOP__SECRET_FILE": "secret",
        "DELIVRD_ENDPOINTS__OLD__OPTIONS__AUTH_TOKEN_FILE": "token",
    }
    endpoints = loaded(text, environ).endpoints
    assert endpoints["my-shop"].secrets == [SECRET]
    assert endpoints["old"].given()["options"] == {"auth_token": "an-auth-token-of-length"}


def test_secrets_of_endpoints_are_kept_hidden() -> None:
    text = SHOP + (
        '[endpoints.old]\nurl = "https://old.example.org/sms"\nformat = "twilio"\n'
        'options = {auth_token = "an-auth-token-of-length"}\n'
    )
    config = loaded(text)
    hidden = secrets(config)
    assert hidden["endpoints.shop.secret.0"] == SECRET
    assert hidden["endpoints.old.options.auth_token"] == "an-auth-token-of-length"
    assert SECRET not in repr(config)
    assert "an-auth-token" not in repr(config)


def test_a_short_choice_of_a_format_is_no_secret() -> None:
    text = SHOP + 'options = {batch = "true"}\n'
    assert "endpoints.shop.options.batch" not in secrets(loaded(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            SHOP + "final = true\n",
            "delivrd.toml, line 4: endpoints.shop.final: there is no such setting\n"
            "  Did you mean endpoints.shop.final_only?",
        ),
        (
            SHOP + 'format = "twillio"\n',
            "delivrd.toml, line 4: endpoints.shop.format: there is no format 'twillio'\n"
            "  Did you mean twilio?",
        ),
        (
            ACCOUNT + SHOP + 'accounts = "man"\n',
            "delivrd.toml, line 7: endpoints.shop.accounts: there is no account 'man'\n"
            "  Did you mean main? Accounts: main.",
        ),
        (
            SHOP + 'countries = ["GB", "UK"]\n',
            "delivrd.toml, line 4: endpoints.shop.countries: there is no country 'UK'\n"
            "  UK is not an ISO 3166 code; the United Kingdom is GB.",
        ),
        (
            '[endpoints.shop]\nsecret = "x"\n',
            "delivrd.toml, line 1: endpoints.shop.url: is missing",
        ),
        (
            '[endpoints.shop]\nurl = "https://app.example.org/sms"\n',
            "delivrd.toml, line 1: endpoints.shop.secret: is missing",
        ),
        (
            SHOP.replace("https", "http"),
            "delivrd.toml, line 2: endpoints.shop.url: ",
        ),
        (SHOP.replace("whsec_", "nosec_"), "delivrd.toml, line 3: endpoints.shop.secret: "),
        (SHOP + "rate_limit = 0\n", "delivrd.toml, line 4: endpoints.shop.rate_limit: "),
        (SHOP + 'options = {nonsense = "x"}\n', "endpoints.shop.options: "),
        ('[endpoints]\nshop = "x"\n', "delivrd.toml, line 2: endpoints.shop: must be a table"),
        ('endpoints = "x"\n', "delivrd.toml, line 1: endpoints: must be tables"),
        (SHOP.replace("shop", "SHOP"), "delivrd.toml, line 1: endpoints.SHOP: not a name"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, said: str) -> None:
    assert said in refused(text)
