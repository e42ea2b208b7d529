"""Addresses of other people: public ones only, however they are written."""

from ipaddress import ip_address

import pytest

from webapp.domain.outgoing_addresses import is_allowed, is_public

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:82a::200e"]
NOT_PUBLIC = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],  # noqa: S104 - not listened on
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12::1"],
    "of providers": ["100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16"],
    "link-local": ["169.254.0.1", "169.254.169.254", "fe80::1", "fd00:ec2::254"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "203.0.113.7"],
    "documentation": ["2001:db8::1", "3fff::1"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::127.0.0.1"],
    "tunnels": ["2002:7f00:1::1", "2001::1", "64:ff9b::7f00:1", "64:ff9b:1::1", "192.88.99.1"],
    "old": ["fec0::1", "5f00::1"],
}


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", [each for kind in NOT_PUBLIC.values() for each in kind])
def test_no_other_address_is_public(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/webhooks",
        "https://shop.example",
        "https://shop.example:443/a?b=c",
        "https://shop.example:1024/",
        "https://shop.example:65535/",
        "https://8.8.8.8/a",
        "https://[2606:4700:4700::1111]:8443/a",
        "https://xn--9d0bm53a.example/",
        "HTTPS://Shop.Example/",
        "https://shop.example/@me?to=a@b",
    ],
)
def test_https_at_a_public_server_is_allowed(url):
    assert is_allowed(url, may_be_local=False)


REFUSED = [
    "",
    "shop.example",
    "//shop.example/",
    "ftp://shop.example/",
    "file:///etc/passwd",
    "https://",
    "https:///path",
    "https://shop.example:0/",
    "https://shop.example:22/",
    "https://shop.example:80/",
    "https://shop.example:1023/",
    "https://shop.example:65536/",
    "https://shop.example:port/",
    "https://user:secret@shop.example/",
    "https://shop.example@127.0.0.1/",
    "https://shop.example/#part",
    "https://shop.example/a b",
    "https://shop.example/a\r\nX-Header: 1",
    "https://shop.example\\@127.0.0.1/",
    "https://가게.example/",
    f"https://shop.example/{'a' * 500}",
]
LOCAL = [
    "https://localhost/",
    "https://localhost./",
    "https://shop.localhost/",
    "https://metadata.google.internal/",
    "https://redis:6379/",
    "https://127.0.0.1/",
    "https://169.254.169.254/latest",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
]


@pytest.mark.parametrize("url", [*REFUSED, *LOCAL, "http://shop.example/"])
def test_nothing_else_is_allowed(url):
    assert not is_allowed(url, may_be_local=False)


@pytest.mark.parametrize("url", [*LOCAL, "http://127.0.0.1:8080/", "http://shop.example/"])
def test_a_bare_machine_may_call_itself(url):
    assert is_allowed(url, may_be_local=True)


@pytest.mark.parametrize("url", REFUSED)
def test_also_a_bare_machine_calls_no_strange_address(url):
    assert not is_allowed(url, may_be_local=True)
