"""Which addresses a hub may be told to call (failure mode D33, rule H6)."""

from ipaddress import ip_address, ip_network

import pytest

from delivrd.core.addresses import BadUrl, callable_address, check_url


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0.0.0.0", "10.1.2.3",
        "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "224.0.0.1", "[::1]", "[::]",
        "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]",
        "localhost", "hub.localhost", "metadata.google.internal",
    ],
)  # fmt: skip
def test_the_inside_is_refused_in_every_notation(host: str) -> None:
    with pytest.raises(BadUrl) as refused:
        check_url(f"https://{host}/hook", allow_http=False)
    assert refused.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example.org/", "ftp://app.example.org/", "file:///etc/passwd", "//app", "",
        "https://", "https://user:password@app.example.org/", "https://app.example.org:99999/",
        "https://[::1/", "https://app.example.org/" + "a" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_web_address_or_has_a_user_name_is_refused(url: str) -> None:
    with pytest.raises(BadUrl):
        check_url(url, allow_http=False)


@pytest.mark.parametrize(
    "url",
    ["https://app.example.org/sms", "https://93.184.216.34:8443/x", "https://[2606:4700::1]/"],
)
def test_the_outside_may_be_called(url: str) -> None:
    check_url(url, allow_http=False)


def test_what_the_settings_allow_may_be_called() -> None:
    check_url("http://10.1.2.3/", allow_http=True, allow_networks=[ip_network("10.0.0.0/8")])
    with pytest.raises(BadUrl):
        check_url("http://10.1.2.3/", allow_http=True, allow_networks=[ip_network("10.9.0.0/16")])


@pytest.mark.parametrize("address", ["::ffff:169.254.169.254", "2002:7f00:1::", "100.100.1.1"])
def test_what_a_name_resolves_to_is_looked_at_again(address: str) -> None:
    assert not callable_address(ip_address(address))
