"""What every request passes: trusted hosts, bounded bodies, requests of our own pages only."""

import json
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 16 * 1024
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; img-src 'self' blob:; script-src 'self'; style-src 'self'; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class SecureHeaders:
    """Adds `HEADERS` to every response, and no-store to those that do not say otherwise."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self.app(scope, receive, send_secured)


async def own_json(request: Request, hosts: list[str]) -> object:
    """Return the JSON that one of our own pages sent; refuse any other request.

    A page of another site can send a form, but neither this content type nor this header
    without asking first, which nothing here allows.
    """
    origin = request.headers.get("origin")
    if request.headers.get("x-reading-room") != "1" or (
        origin is not None and urlsplit(origin).hostname not in hosts
    ):
        raise HTTPException(403, "This request is not from a page of the reading room.")
    if request.headers.get("content-type", "").split(";")[0] != "application/json":
        raise HTTPException(415, "The body must be application/json.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise HTTPException(413, f"The body is larger than {BODY_LIMIT} bytes.")
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "The body is not JSON.") from error


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def fields(content: object, kinds: dict[str, type | tuple[type, ...]]) -> dict:
    """Return `content` when it is an object with exactly the keys and types of `kinds`."""
    if not isinstance(content, dict) or content.keys() != kinds.keys():
        raise HTTPException(400, f"The body must be an object with {', '.join(kinds)}.")
    for key, kind in kinds.items():
        if not isinstance(content[key], kind) or isinstance(content[key], bool):
            raise HTTPException(400, f"{key} is of another type.")
    return content
