"""Which URLs may be called, as far as the URL itself tells (failure mode D33, rule H6)."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.core.addresses import BadUrl, callable_address, check_url, literal, private_host

INSIDE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "017700000001", "0",
    "127.0.0.1.", "127.0.0.1%25eth0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.0.8", "198.18.0.1", "240.0.0.1",
    "①②⑦.0.0.1", "127。0。0。1", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:a00:1]",
    "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[fe80::1]",
    "[fe80::1%25eth0]", "[fc00::1]", "[fec0::1]", "[ff02::1]", "localhost", "LOCALHOST.",
    "a.localhost", "metadata.google.internal", "metadata.google.internal.",
]  # fmt: skip


@pytest.mark.parametrize("host", INSIDE)
def test_the_inside_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(BadUrl, match="not a public"):
        check_url(f"https://{host}:8443/hook", allow_http=False)


@pytest.mark.parametrize(
    "url",
    ["https://example.org/a?b=c", "https://8.8.8.8/", "https://[2606:4700::1111]/",
     "https://[64:ff9b::808:808]/", "https://bücher.example/", "https://EXAMPLE.org:8443/",
     "https://example.org./", "https://sms_hook.example/", f"https://{'a' * 63}.example/"],
)  # fmt: skip
def test_the_outside_may_be_called(url: str) -> None:
    check_url(url, allow_http=False)


@pytest.mark.parametrize(
    "url",
    ["", "example.org", "file:///etc/passwd", "gopher://example.org/", "https:///path",
     "https://example.org:99999/", "https://u:p@example.org/", "https://u@example.org/",
     "https://@example.org/", "https://example.org\\@127.0.0.1/",
     "https://exa mple.org/", "https://example.org/\r\nx", "https://%31%32%37.0.0.1/",
     "https://example.org/" + "a" * 2000, "http://example.org/"],
)  # fmt: skip
def test_what_is_odd_is_refused(url: str) -> None:
    with pytest.raises(BadUrl):
        check_url(url, allow_http=False)


@pytest.mark.parametrize(
    "host",
    ["bad..host", ".host", "host..", f"{'a' * 64}.example", "a.b." * 64 + "example", "-a.example",
     "a-.example", "a,b.example", "a!b", "a*.example"],
)  # fmt: skip
def test_a_host_that_no_name_can_be_is_refused(host: str) -> None:
    with pytest.raises(BadUrl, match="no host name"):
        check_url(f"https://{host}/", allow_http=False)


def test_settings_allow_a_network() -> None:
    allowed = (ip_network("10.0.0.0/8"),)
    check_url("https://10.1.2.3/", allow_http=False, allow_networks=allowed)
    check_url("https://[::ffff:10.1.2.3]/", allow_http=False, allow_networks=allowed)
    with pytest.raises(BadUrl):
        check_url("https://127.0.0.1/", allow_http=False, allow_networks=allowed)


def test_a_network_of_ones_own_shows_in_the_address_or_the_name() -> None:
    own = ("127.0.0.1", "10.1.2.3", "::1", "localhost", "gateway", "sim.sms.svc.cluster.local")
    public = ("8.8.8.8", "2606:4700::1111", "rest.nexmo.com", "REST.nexmo.com.", "local.example")
    assert [host for host in (*own, *public) if private_host(host)] == list(own)


@given(st.integers(0, 2**32 - 1))
def test_an_address_is_judged_the_same_in_each_of_its_notations(number: int) -> None:
    plain = ip_address(number)
    mapped = ip_address(f"::ffff:{plain}")
    assert callable_address(mapped) == callable_address(plain)
    for text in (str(number), hex(number), f"0{number:o}"):
        assert literal(text) == plain
