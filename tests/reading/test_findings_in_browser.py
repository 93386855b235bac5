"""A real browser reads several findings, or classes: by keys, by mouse, and by fingers."""

import re

import pytest
from playwright.sync_api import expect

from cxrnoise.core.randomness import generator
from cxrnoise.reading import answers
from cxrnoise.reading.answers import Asked
from reading_studies import NIH, ROTATIONS, STUDY

FINDINGS = Asked(NIH)
CLASSES = Asked(("Rotation",), ROTATIONS)
KEY = dict(zip(NIH, "1234567890qwet", strict=True))


def wait_for_case(page, number):
    """Wait until the radiograph of the case is on the screen."""
    page.locator(f"#radiograph[aria-label='Radiograph of case {number}']").wait_for()


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def chosen(page):
    """Return the answers in the form by finding, without those that are not given."""
    found = page.evaluate(
        """() => [...document.querySelectorAll(".finding input:checked")]
            .map(input => [Number(input.name.split("-")[1]), input.value])"""
    )
    return {NIH[place]: value for place, value in found}


def expect_saved(page, number):
    expect(page.locator("#status")).to_have_text(f"Case {number} saved.")


def test_a_hundred_cases_of_fourteen_findings_are_read_by_keys_alone(serve, page_of):
    server = serve(cases=100, size=32, asked=FINDINGS)
    page = page_of(server.links[0])
    random = generator(0, "what the test reads")
    given = []
    for number in range(1, 101):
        present, unsure = random.choice(NIH, random.integers(1, 3), replace=False), ""
        wait_for_case(page, number)
        press(page, *(KEY[finding] for finding in present))
        if number % 10 == 0:  # the finding after the last one is focused and not sure
            place = NIH.index(present[-1])
            if place + 1 < len(NIH) and NIH[place + 1] not in present:
                unsure = NIH[place + 1]
                press(page, "j", "u")
        press(page, "n", "Enter")
        given.append((set(present), unsure))
    expect(page.locator("#farewell")).to_have_text(re.compile("All 100 answers are saved"))
    rows = server.history()
    assert len(rows) == 1400
    said = {}
    for row in rows:
        said.setdefault(row.case, {})[row.finding] = row.answer
    for (present, unsure), found in zip(given, said.values(), strict=True):
        expected = dict.fromkeys(NIH, "absent") | dict.fromkeys(present, "present")
        assert found == expected | ({unsure: "unsure"} if unsure else {})


def test_every_finding_starts_unanswered_and_is_asked_for_before_a_case_is_saved(serve, page_of):
    server = serve(asked=FINDINGS)
    page = page_of(server.links[0])
    wait_for_case(page, 1)
    assert chosen(page) == {}
    press(page, "Enter")
    expect(page.locator("#hint")).to_contain_text("Not answered yet: Atelectasis and 13 more.")
    press(page, *"1234567890qwe", "Enter")
    expect(page.locator("#hint")).to_contain_text("Not answered yet: Hernia.")
    assert server.readings() == []
    press(page, "a", "Enter")
    expect_saved(page, 1)
    assert [row.answer for row in server.readings()] == ["present"] * 13 + ["absent"]


def test_the_keys_answer_move_and_correct(serve, page_of):
    server = serve(asked=FINDINGS)
    page = page_of(server.links[0])
    wait_for_case(page, 1)
    press(page, "p", "u", "a", "j", "p", "k", "k", "u", "ArrowDown", "ArrowDown", "a")
    said = {"Atelectasis": "present", "Cardiomegaly": "unsure", "Effusion": "absent"}
    said |= {"Infiltration": "unsure", "Mass": "present", "Pneumonia": "absent"}
    assert chosen(page) == said
    expect(page.locator("#spoken")).to_have_text("Pneumonia: absent.")
    press(page, "5", "3", "4")
    said |= {"Mass": "unsure", "Effusion": "present", "Infiltration": "absent"}
    assert chosen(page) == said
    expect(page.locator("#spoken")).to_have_text("Infiltration: absent.")
    page.reload()  # what is not saved stays in this browser
    wait_for_case(page, 1)
    assert chosen(page) == said
    press(page, "n")
    assert chosen(page) == dict.fromkeys(NIH, "absent") | said


def test_a_case_is_corrected_and_the_newest_answers_count(serve, page_of):
    server = serve(asked=FINDINGS)
    page = page_of(server.links[0])
    wait_for_case(page, 1)
    press(page, "5", "n", "c")
    page.keyboard.type("a nodule, too: p, n and 5")
    press(page, "Escape", "Enter")
    expect_saved(page, 1)
    wait_for_case(page, 2)
    assert chosen(page) == {}
    press(page, "Backspace")
    wait_for_case(page, 1)
    assert chosen(page)["Mass"] == "present" and len(chosen(page)) == 14
    press(page, "6", "Enter")
    wait_for_case(page, 2)
    expect_saved(page, 1)
    page.get_by_role("button", name="Case 2 of 4").click()
    expect(page.get_by_role("button", name="Case 1, Mass, Nodule")).to_be_visible()
    rows = server.readings()
    assert {row.finding for row in rows if row.answer == "present"} == {"Mass", "Nodule"}
    assert {row.comment for row in rows} == {"a nodule, too: p, n and 5"}
    assert len(server.history()) == 28


def test_findings_are_read_by_mouse_and_a_screen_reader_knows_their_names(serve, page_of):
    server = serve(asked=FINDINGS)
    page = page_of(server.links[0], 1280, 800)
    wait_for_case(page, 1)
    row = page.get_by_role("radiogroup", name="Pleural Thickening")
    row.get_by_role("radio", name="Not sure").click()
    expect(row).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Rest absent").click()
    page.get_by_role("button", name="Save and next").click()
    expect_saved(page, 1)
    answers_of = {row.finding: row.answer for row in server.readings()}
    assert answers_of == dict.fromkeys(NIH, "absent") | {"Pleural Thickening": "unsure"}


def test_beside_the_image_there_is_the_form_and_nothing_else(serve, page_of):
    page = page_of(serve(asked=FINDINGS).links[0], 1280, 800)
    wait_for_case(page, 1)
    text = page.locator("#panel").inner_text().split()
    rest = {"Case", "1", "of", "4", "Comment", "←", "Back", "Rest", "Save", "and", "next"}
    words = {word for name in NIH for word in name.split()} | {"Present", "Absent", "Not", "sure"}
    keys = {*(key.upper() for key in KEY.values()), "C", "N", "Enter", "absent"}
    assert set(text) <= rest | words | keys
    scrolls = "() => { const q = document.querySelector('.questions');"
    assert page.evaluate(scrolls + " return q.scrollHeight <= q.clientHeight; }")


@pytest.mark.parametrize("size", [(360, 740), (768, 1024), (1024, 768)])
def test_a_phone_or_tablet_reads_by_fingers(serve, page_of, size):
    server = serve(asked=FINDINGS)
    page = page_of(server.links[0], *size, has_touch=True, is_mobile=True)
    wait_for_case(page, 1)
    boxes = page.evaluate(
        """() => [...document.querySelectorAll(".finding .choice, .moves button")]
            .map(element => [element.textContent, element.getBoundingClientRect().toJSON()])"""
    )
    for name, box in boxes:
        assert box["width"] >= 44 and box["height"] >= 44, name
        assert box["left"] >= 0 and box["right"] <= size[0], name
    stage = page.locator("#radiograph").bounding_box()
    assert min(stage["width"], stage["height"]) >= 240
    page.get_by_role("radiogroup", name="Hernia").get_by_role("radio", name="Present").tap()
    page.get_by_role("button", name="Rest absent").tap()
    page.get_by_role("button", name="Save and next").tap()
    expect_saved(page, 1)
    assert [row.finding for row in server.readings() if row.answer == "present"] == ["Hernia"]


def test_one_of_the_classes_is_chosen_by_keys(serve, page_of):
    server = serve(cases=5, asked=CLASSES)
    page = page_of(server.links[0])
    wait_for_case(page, 1)
    press(page, "Enter")
    expect(page.locator("#hint")).to_contain_text("Choose first: Rotation")
    for number, keys in enumerate(("2", "u", "jjj", "4k", "jku"), 1):
        wait_for_case(page, number)
        press(page, *keys, "Enter")
    expect(page.locator("#farewell")).to_have_text(re.compile("All 5 answers are saved"))
    expected = ["turned left", "unsure", "turned right", "turned right", "unsure"]
    assert [row.answer for row in server.readings()] == expected
    admin = page_of(server.links[1], 1200, 700)
    expect(admin.locator("#readers tr")).to_contain_text("5 of 5")
    expect(admin.locator("#readers-head")).to_contain_text("turned right")


def test_a_killed_server_loses_no_finding(serve, page_of):
    server = serve(asked=FINDINGS)
    page = page_of(server.links[0])
    wait_for_case(page, 1)
    page.wait_for_load_state("networkidle")
    server.kill()
    press(page, "5", "n", "Enter")
    expect(page.locator("#status")).to_contain_text("Not saved yet: 1 answer is waiting")
    assert server.readings() == []
    server.start()
    expect_saved(page, 1)
    assert len(server.readings()) == 14


def test_the_administrator_sees_each_finding_and_exports_a_row_of_each(serve, page_of):
    server = serve(cases=2, asked=FINDINGS)
    for link, key in ((server.links[0], "5"), (server.invite("ann"), "6")):
        page = page_of(link)
        for number in (1, 2):
            wait_for_case(page, number)
            press(page, key, "n", "Enter")
            expect_saved(page, number)
    admin = page_of(server.links[1], 1200, 700)
    expect(admin.locator("#by-finding-rows tr")).to_have_count(14)
    mass = admin.locator("#by-finding-rows tr", has_text="Mass")
    assert mass.inner_text().split() == ["Mass", "4", "2", "2", "0"]
    expect(admin.locator("#pairs tr", has_text="Nodule")).to_contain_text("0 %")
    with admin.expect_download() as download:
        admin.get_by_text("Export readings as CSV").click()
    read = answers.read_csv(download.value.path(), STUDY, server.cases, FINDINGS)
    assert len(read) == 2 * 2 * 14
