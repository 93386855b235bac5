"""The links that open a reading room."""

import ipaddress
from urllib.parse import urlsplit

from cxrnoise.core.errors import UserError


def base_url(host: str, port: int, public_url: str | None) -> str:
    """Return the address at which readers find the room, without a slash at its end.

    Raises `UserError` for a host beyond this machine without a public address.
    """
    if public_url is not None:
        address = urlsplit(public_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise UserError(
                f"--public-url {public_url} is no address: give one like https://reading.example."
            )
        return public_url.rstrip("/")
    if not _is_loopback(host):
        raise UserError(
            f"--host {host} can be reached from other machines: say with --public-url at which "
            "address readers find the room, such as https://reading.example."
        )
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def link(base: str, token: str) -> str:
    """Return a personal link; what follows the # is never sent to a server or proxy's log."""
    return f"{base}/enter#{token}"
