"""The pictures of the report in a real browser: they enlarge, and keys step through them."""

from pathlib import Path

import numpy as np
import pytest

from cxrnoise.core import manifests
from cxrnoise.report import pages, whole
from cxrnoise.report.privacy import Names
from cxrnoise.report.sections.section import Study
from hung import chests, shard_file, table

TEMPLATES = Path(pages.__file__).parent / "templates"
CONFIG = {
    "audit": {"task": "reports", "verdict": "majority"},
    "tasks": {"reports": {"kind": "findings"}},
}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A report of seven suspicious labels that nobody has read, and of long names."""
    folder, images = tmp_path_factory.mktemp("report"), table(7)
    images["image"] = [f"{'long_name_' * 6}{place:02d}.png" for place in range(7)]
    ranking = images[["image", "patient"]].assign(label="Mass", given_label=1, suggested=0)
    ranking = ranking.assign(probability=0.9, score=0.9, rank=np.arange(1, 8))
    manifests.write(ranking, folder / "r.parquet", "ranking", "{}", ["absent", "present"])
    shards = shard_file(folder / "000.h5", chests(7), images)
    files = {"ranking": str(folder / "r.parquet"), "readings": [], "shards": shards}
    study = Study("Chests", True, False, CONFIG, True, Names(), first=100)
    sections = whole.sections({"suspicious": files}, study)
    html = whole.html(sections, study, TEMPLATES).replace(str(folder), "results")
    (folder / "report.html").write_text(html, encoding="utf-8")
    return (folder / "report.html").as_uri()


def place(page):
    return page.get_by_role("dialog").locator(".place").inner_text()


def enlarged(page):
    """Return the description of the picture in the dialog, and what stands beside it."""
    figure = page.get_by_role("dialog").locator("figure")
    return figure.locator("img").get_attribute("alt"), figure.locator("figcaption").inner_text()


@pytest.mark.parametrize("width", [1280, 360])
def test_keys_enlarge_a_picture_step_through_the_list_and_come_back(shown, width):
    page = shown(width)
    pictures = page.get_by_role("button", name="Radiograph")
    assert pictures.count() == 7 and not page.get_by_role("dialog").is_visible()
    pictures.nth(1).focus()
    page.keyboard.press("Enter")
    assert place(page) == "2 of 7"
    words, facts = enlarged(page)
    assert "rank 2: Mass is given as present, the model suggests absent" in words
    assert facts.startswith("PHANTOM:") and "0.900, not calibrated" in facts
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for key, at in [("ArrowRight", 3), ("ArrowLeft", 2), ("End", 7), ("ArrowRight", 7)]:
        page.keyboard.press(key)
        assert place(page) == f"{at} of 7" and f"rank {at}:" in enlarged(page)[0]
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    assert place(page) == "1 of 7"
    for name in ("Next", "Next", "Next", "Previous"):
        page.get_by_role("button", name=name).click()
    assert place(page) == "3 of 7"
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()
    # The focus is where one has stepped to, not where one began.
    focused = "document.activeElement.innerHTML.includes('rank {}:')"
    page.wait_for_function(focused.format(3))
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert place(page) == "4 of 7"
    page.get_by_role("button", name="Close", exact=True).click()
    page.wait_for_function(focused.format(4))


def test_without_script_pictures_and_facts_are_there_and_nothing_seems_to_be_a_button(
    chromium, address
):
    context = chromium.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(address)
        assert page.get_by_role("img", name="Radiograph").count() == 7
        assert page.get_by_role("button").count() == 0
        assert page.get_by_text("0.900, not calibrated").count() == 7
        assert not page.locator("dialog").is_visible()
    finally:
        context.close()
