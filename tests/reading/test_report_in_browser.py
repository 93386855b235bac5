"""The report in a real browser: for everybody, by keys, on a phone, on paper."""

import pytest
from axe_playwright_python.sync_playwright import Axe

import reported
from cxrnoise.report.sections.registry import SECTIONS

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PAPER = 680  # CSS pixels between the margins of A4
OPEN_ALL = "document.querySelectorAll('details').forEach(part => part.open = true)"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    (folder / "report.html").write_text(reported.html(folder), encoding="utf-8")
    return (folder / "report.html").as_uri()


def barriers(page, of="html"):
    """Return what axe finds in parts of the page to be against WCAG 2.2 AA, as text."""
    found = Axe().run(page, of, options={"runOnly": WCAG, "resultTypes": ["violations"]})
    return found.generate_report() if found.violations_count else ""


def rows(box):
    """Return the first cells of the rows that are seen in a table, from top to bottom."""
    return box.locator("tbody tr:visible th").all_inner_texts()


def test_the_report_has_every_section():
    assert set(reported.SECTIONS) == set(SECTIONS)


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_bars_anybody_and_nothing_is_cut_off(shown, width, scheme):
    page = shown(width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.evaluate(OPEN_ALL)
    assert barriers(page) == ""
    assert page.evaluate("document.documentElement.scrollWidth") == width
    ends = page.evaluate(
        "[...document.querySelectorAll('caption span, h2, h3, p')]"
        ".map(text => text.getBoundingClientRect().right)"
    )
    assert max(ends) <= width
    page.locator(".pictures button").first.click()
    assert barriers(page, "dialog") == ""


def test_headings_are_in_order_and_every_picture_has_a_text(shown):
    page = shown(1280)
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4, h5')].map(one => Number(one.tagName[1]))"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))
    assert page.evaluate("[...document.images].every(image => image.alt)")
    assert page.evaluate(
        "(ids => ids.length === new Set(ids).size)"
        "([...document.querySelectorAll('[id]')].map(one => one.id))"
    )


def test_keys_go_past_the_contents_and_a_link_opens_its_section(shown):
    page = shown(1280)
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the sections"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('section')?.id") == "data"
    folded = page.locator("section > details:not([open])").first
    name = folded.evaluate("part => part.parentElement.id")
    link = page.locator(f"nav a[href='#{name}']")
    link.focus()
    page.keyboard.press("Enter")
    assert page.locator(f"#{name} > details").evaluate("part => part.open")


def test_one_button_opens_all_sections_and_closes_them(shown):
    page = shown(1280)
    closed = page.locator("section > details:not([open])")
    assert closed.count()
    page.get_by_role("button", name="Open all sections").click()
    assert closed.count() == 0
    page.get_by_role("button", name="Close all sections").click()
    assert closed.count() == len(SECTIONS)


def test_a_long_table_filters_by_words_and_sorts_what_is_left(shown):
    page = shown(1280)
    page.evaluate(OPEN_ALL)
    table = page.get_by_role("region", name="The count, How many labels are wrong")
    every = len(rows(table))
    field = page.get_by_role("searchbox", name="Show rows with: The count")
    field.focus()
    page.keyboard.type("mass STRAT")
    found = rows(table)
    assert 0 < len(found) < every and all(name.startswith("Mass") for name in found)
    said = page.locator(".filter", has=field).get_by_role("status")
    assert said.inner_text() == f"{len(found)} of {every} rows"
    table.get_by_role("button", name="Finding").focus()
    page.keyboard.press("Enter")
    assert table.locator("thead th").first.get_attribute("aria-sort") == "ascending"
    assert len(rows(table)) == len(found)
    field.fill("")
    assert rows(table)[0].startswith("all") and len(rows(table)) == every


def test_a_short_table_has_no_filter(shown):
    page = shown(1280)
    page.evaluate(OPEN_ALL)
    long = page.evaluate(
        "[...document.querySelectorAll('tbody.sorts')].filter(body => body.rows.length > 12).length"
    )
    assert 0 < page.get_by_role("searchbox").count() == long


def test_paper_has_all_that_is_folded_and_cuts_no_table_off(shown, tmp_path):
    page = shown(PAPER)
    page.evaluate(
        "addEventListener('beforeprint', () => {"
        "window.folded = document.querySelectorAll('details:not([open])').length })"
    )
    before = page.locator("details:not([open])").count()
    page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    assert page.evaluate("window.folded") == 0 < before
    assert page.locator("details:not([open])").count() == before
    page.emulate_media(media="print")
    page.evaluate(OPEN_ALL)
    ends = page.evaluate(
        "[...document.querySelectorAll('table, img')].map(one => one.getBoundingClientRect().right)"
    )
    assert max(ends) <= PAPER
    assert page.locator(".filter:visible, nav button:visible").count() == 0
