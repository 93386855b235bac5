"""Tokens: random, kept as hashes only, compared in constant time."""

import hashlib
import hmac
import secrets


def token() -> str:
    """Return a new secret of 256 random bits."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Return what is stored of a token; with 256 random bits it needs no salt."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def owner(token: str, digests: dict[str, str | None]) -> str | None:
    """Return the name with the digest of `token`, after the same work for every token."""
    ours, found = digest(token), None
    for name, theirs in digests.items():
        if theirs is not None and hmac.compare_digest(ours, theirs):
            found = name
    return found
