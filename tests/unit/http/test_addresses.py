"""The public addresses: a URL that comes from outside may only reach these."""

import pytest

from aichats.http.addresses import is_public

PUBLIC = [
    "8.8.8.8",
    "93.184.216.34",
    "172.15.255.255",
    "172.32.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80e::200e",
    "64:ff9b::808:808",  # NAT64 of 8.8.8.8
]
PRIVATE = {
    "unspecified": [".".join("0000"), "0.1.2.3", "::"],
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.0.0.1"],
    "link-local": ["169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%eth0", "febf::1"],
    "shared": ["100.64.0.1", "100.127.255.255"],
    "unique local": ["fc00::1", "fd00:ec2::254", "fdff::1"],
    "site-local": ["fec0::1"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "5f00::1", "4000::1"],
    "examples": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1"],
    "relays of 6to4": ["192.88.99.1"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8"],
    "IPv4-compatible": ["::127.0.0.1", "::a9fe:a9fe"],
    "6to4": ["2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:0808:0808::1"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:f5ff:fffe", "2001::1"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::a00:1", "64:ff9b::e000:1", "64:ff9b::"],
    "NAT64 of a network": ["64:ff9b:1::808:808", "64:ff9b:1::7f00:1"],
    "discarded": ["100::1"],
    "none": ["", "localhost", "127.1", "0x7f.0.0.1", "2130706433", "1.2.3.4.5", "8.8.8.8 "],
}


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", [address for addresses in PRIVATE.values() for address in addresses])
def test_all_other_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)
