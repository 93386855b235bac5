"""Jinja2 templates, as pages and configurations are made from."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def environment(folder: str | Path, html: bool) -> Environment:
    """Return the templates of a folder; a value that is missing is an error.

    html: whether plain text is escaped.
    """
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
