"""The page of the audit in a real browser: sorted by keys, on a phone, without an error."""

from pathlib import Path

import pytest

from audits import audit
from cxrnoise.core.provenance import describe
from cxrnoise.report import audit as page_of_audit
from cxrnoise.report import pages

TEMPLATES = Path(pages.__file__).parent / "templates"


@pytest.fixture
def address(tmp_path):
    found = audit(tmp_path, folder="results/a-folder-of-a-rather-long-name/reports/audit")
    html = page_of_audit.html(found, TEMPLATES, describe({}, "c0de"))
    (tmp_path / "audit.html").write_text(html, encoding="utf-8")
    return (tmp_path / "audit.html").as_uri()


def first_column(page, name):
    """Return the first cells of the table of this name, from top to bottom."""
    table = page.get_by_role("region", name=name)
    return table.locator("tbody th").all_inner_texts()


def test_ranks_sort_as_numbers_and_findings_as_text(shown):
    page = shown(1280)
    ranking = page.get_by_role("region", name="The first of the ranking")
    rank = ranking.get_by_role("button", name="Rank")
    rank.focus()
    page.keyboard.press("Enter")
    assert first_column(page, "The first of the ranking")[:3] == ["1", "2", "3"]
    page.keyboard.press("Enter")
    assert first_column(page, "The first of the ranking")[:3] == ["50", "49", "48"]
    count = page.get_by_role("region", name="The count")
    count.get_by_role("button", name="Wrong labels").focus()
    page.keyboard.press("Enter")
    found = [text.split()[0] for text in first_column(page, "The count")]
    assert found == ["Effusion", "Mass"] + ["all"] * 6 + ["Mass"] * 3 + ["Effusion"] * 3


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_never_scrolls_sideways(shown, width):
    page = shown(width)
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width
