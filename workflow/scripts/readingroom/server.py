"""The process that serves a reading room, and the links that open it."""

import os
import socket
from urllib.parse import urlsplit

import uvicorn

from cxrnoise.core.errors import UserError

from .app import create
from .store import Store
from .study import Study

LOOPBACK = ["localhost", "127.0.0.1", "::1", "[::1]"]


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raise `UserError` when the port is in use or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if getattr(error, "errno", None) else error
        raise UserError(
            f"Port {port} of {host} cannot be opened ({reason}): "
            "stop the program that uses it, or choose another one with --port."
        ) from error


def serve(study: Study, store: Store, listener: socket.socket, base: str) -> None:
    """Serve until the process is stopped."""
    address = urlsplit(base)
    host = address.hostname or ""
    hosts = [*LOOPBACK, f"[{host}]" if ":" in host else host, listener.getsockname()[0]]
    app = create(study, store, hosts, secure=address.scheme == "https")
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=5,
    )
    uvicorn.Server(config).run(sockets=[listener])
