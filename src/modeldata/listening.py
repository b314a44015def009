"""A server of ours at one address: who can reach it, and who has the token."""

from __future__ import annotations

import hmac
import ipaddress
import socket

from modeldata.errors import ModelDataError

SCHEME = "Bearer "


def is_loopback(host: str) -> bool:
    """Can only this machine reach it?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bracketed(host: str) -> str:
    """As a URL has it."""
    return f"[{host}]" if ":" in host else host


def bound(host: str, port: int, operation: str) -> socket.socket:
    """A socket that listens. port 0: any free one. Raises `ModelDataError`: `operation` is what could not be done."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # by the protocol's name: asyncio sends small answers at once (TCP_NODELAY) only where the socket has it, else 40 ms later
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()  # who is given the address may come before the server is ready: they wait
    except OSError as error:
        listener.close()
        hint = "another program has it: --port 0 takes a free one" if port else "--host takes an address of this machine"
        raise ModelDataError(operation, f"{host}:{port}", cause=error.strerror or str(error), hint=hint) from None
    return listener


def shows(token: str, authorization: str) -> bool:
    """In a time that does not depend on how much of the token is right."""
    return hmac.compare_digest(authorization.encode(), f"{SCHEME}{token}".encode())
