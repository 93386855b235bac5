"""The page of files that hang wrongly, in a real browser: wide, and on a phone."""

from pathlib import Path

import pandas as pd
import pytest

from cxrnoise.audit import hanging
from cxrnoise.core.provenance import describe
from cxrnoise.images.shards import Reader
from cxrnoise.report import hanging as page
from cxrnoise.report import pages
from hung import chests, shard_file, table

TEMPLATES = Path(pages.__file__).parent / "templates"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page of twelve mirrored files and some pairs, whose names are long."""
    folder = tmp_path_factory.mktemp("page")
    images = table(12)
    images["image"] = [f"{'long_name_' * 6}{place:02d}.png" for place in range(12)]
    mirrored = images[["image", "patient"]].assign(
        kind="mirrored", rank=range(1, 13), value=0.9, what="mirrored"
    )
    lists = pd.concat([mirrored, hanging.twice(chests(12), images, first=4)])
    pages.write_csv(lists[hanging.COLUMNS].fillna(""), folder / "hanging.csv")
    shards = Reader(shard_file(folder / "000.h5", chests(12), images))
    lists = page.read(folder / "hanging.csv")
    html = page.html(lists, shards, "Chests", False, TEMPLATES, describe({}, "c0de"))
    (folder / "hanging.html").write_text(html, encoding="utf-8")
    return (folder / "hanging.html").as_uri()


@pytest.mark.parametrize("width", [1280, 360])
def test_every_picture_is_seen_and_nothing_is_cut_off(chromium, address, width):
    context = chromium.new_context(viewport={"width": width, "height": 800})
    try:
        shown = context.new_page()
        asked = []
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(address)
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        pictures = shown.evaluate(
            """async () => {
                const found = [];
                for (const image of document.images) {
                    image.loading = "eager";
                    await image.decode();
                    const width = image.getBoundingClientRect().width;
                    found.push([image.naturalWidth, width, image.alt]);
                }
                return found;
            }"""
        )
        assert len(pictures) > 12
        assert all(natural > 0 and drawn >= 100 and alt for natural, drawn, alt in pictures)
        assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    finally:
        context.close()
