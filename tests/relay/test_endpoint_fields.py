"""What is told to whoever sets up an endpoint whose format cannot work."""

import pytest

from delivrd.relay.formats import FORMATS, Unfit, check
from tests.relay.relay_events import URL, target

FITTING = {"kannel": URL + "?d=%d"}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_set_up(name):
    check(target(name, FITTING.get(name, URL)))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_what_it_is_and_what_its_options_are(name):
    assert FORMATS[name].NAMES[name]
    assert all(option.label for option in FORMATS[name].OPTIONS.values())


@pytest.mark.parametrize(
    ("to", "why"),
    [
        (target("nexmo"), "there is no format 'nexmo': it is one of delivrd, vonage-json"),
        (target("smspm", token="1"), "smspm has no option 'token': it has none"),
        (target("twilio", token="1"), "has no option 'token': it has auth_token, account_sid"),
        (target("vonage-get", signature_method="md4"), "signature_method is one of md5hash, md5"),
        (target("delivrd", batch="yes"), "batch is one of true, false"),
        (target("kannel"), "the URL says no status: it holds neither %d nor %A"),
        (target("delivrd", secrets=("whsec_x",)), "a secret is whsec_ and base64"),
        (target("delivrd", secrets=()), "there is no secret to sign with"),
        (target("smspm", "https://[app.example/"), "Invalid IPv6 URL"),
    ],
)
def test_what_cannot_work_is_refused_in_words(to, why):
    """D40."""

    with pytest.raises(Unfit, match=why):
        check(to)


def test_options_that_are_secrets_are_marked():
    secret = {
        option for form in FORMATS.values() for option, what in form.OPTIONS.items() if what.secret
    }
    assert secret == {"auth_token", "signature_secret"}
