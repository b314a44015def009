"""The server that a store speaks to: may credentials be sent there? Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from modeldata.store.failures import NoAccess


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is given by; None where it has a name."""
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return None


def is_loopback(endpoint: str) -> bool:
    """Is the server on this host?"""
    address = address_of(urlsplit(endpoint).hostname or "")
    return address is not None and address.is_loopback


def check_endpoint(endpoint: str, example: str, *, insecure: bool) -> None:
    """Raises `NoAccess` for what is no URL, and for plain http where somebody else can listen."""
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise NoAccess("the endpoint is not a URL", f"it should be like {example}")
    if parts.scheme == "http" and not insecure and not is_loopback(endpoint):
        hint = "use https, or set MODELDATA_ALLOW_INSECURE=1 where the network is yours alone"
        raise NoAccess("the credentials would cross the network unencrypted (http)", hint)
