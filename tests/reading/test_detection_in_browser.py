"""The page of detection in a real browser: sorted by keys, on a phone, without an error."""

from pathlib import Path

import pytest

from cxrnoise.core.provenance import describe
from cxrnoise.report import detection, pages
from detections import SCORES, parts, reviews_of, rows_of

TEMPLATES = Path(pages.__file__).parent / "templates"


@pytest.fixture
def address(tmp_path):
    """The page of two noise levels; uncertainty has no precision at 100."""
    rows = rows_of(scores=SCORES) + rows_of(scores=SCORES, noise="32")
    rows = [
        row for row in rows if (row["score"], row["measure"]) != ("uncertainty", "precision_at_100")
    ]
    found = parts(rows, reviews_of(SCORES) + reviews_of(SCORES, noise="32"))
    html = detection.html(found, "Chests", TEMPLATES, describe({}, "c0de"))
    (tmp_path / "detection.html").write_text(html, encoding="utf-8")
    return (tmp_path / "detection.html").as_uri()


def order(page):
    """Return the scores from top to bottom, and what the headers say of the order."""
    return page.evaluate(
        """() => {
            const table = document.querySelector("table");
            return [
                [...table.tBodies[0].rows].map(row => row.cells[0].firstChild.data.trim()),
                [...table.tHead.rows[0].cells].map(cell => cell.ariaSort),
            ];
        }"""
    )


NEIGHBOURS, CLEANLAB, PAPER = (
    "nearest neighbours",
    "self-confidence (cleanlab)",
    "uncertainty U (the paper)",
)


def test_a_table_sorts_by_keys_alone_and_says_so(shown):
    page = shown(1280)
    assert order(page) == [
        [NEIGHBOURS, CLEANLAB, PAPER],
        [None, None, "descending", *[None] * 4],
    ]
    button = page.get_by_role("button", name="Average precision", exact=True).first
    button.focus()
    page.keyboard.press("Enter")
    assert order(page) == [
        [PAPER, CLEANLAB, NEIGHBOURS],  # .09, .7, .9: by number, not by letter
        [None, None, "ascending", *[None] * 4],
    ]
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert order(page)[1][4] == "descending"
    page.keyboard.press("Space")
    assert order(page) == [
        [CLEANLAB, NEIGHBOURS, PAPER],  # what is missing stays last
        [*[None] * 4, "ascending", None, None],
    ]


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_never_scrolls_sideways_and_wide_tables_do_in_their_box(shown, width):
    page = shown(width)
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    page_width, table, box = page.evaluate(
        """() => {
            const box = document.querySelector(".scroll");
            return [document.documentElement.scrollWidth, box.scrollWidth, box.clientWidth];
        }"""
    )
    assert page_width == width
    assert (table > box) == (width == 360)
    small = page.evaluate(
        """() => [...document.querySelectorAll("th button, summary")]
            .filter(element => element.getBoundingClientRect().height < 24).length"""
    )
    assert small == 0


def test_a_link_of_the_summary_opens_what_it_leads_to(shown):
    page = shown(1280)
    second = page.locator("details").nth(1)
    assert not second.evaluate("part => part.open")
    page.get_by_role("link", name="32").focus()
    page.keyboard.press("Enter")
    assert second.evaluate("part => part.open")
