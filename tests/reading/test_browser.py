"""A real browser reads: by keys, by mouse, by fingers, and while the server is killed."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from cxrnoise.reading import answers
from reading_studies import ASKED, STUDY

SHOWN = "#radiograph[data-case]"
TABLETS = {"landscape": (1024, 768), "portrait": (768, 1024)}
TOUCH = {"has_touch": True, "is_mobile": True}


def wait_for_case(page, number, cases=4):
    """Wait until the case is on the screen, its radiograph included."""
    expect(page.locator("#place")).to_have_text(f"Case {number} of {cases}")
    expect(page.locator("#radiograph")).to_have_attribute(
        "aria-label", f"Radiograph of case {number}"
    )


def answer_by_keys(page, *keys):
    for key in (*keys, "Enter"):
        page.keyboard.press(key)


def expect_saved(page, number):
    expect(page.locator("#status")).to_have_text(f"Case {number} saved.")
    expect(page.locator("#status")).to_have_attribute("data-state", "saved")


def chosen(page):
    """Return the chosen answer and confidence."""
    values = "names => names.map(n => document.getElementById('panel').elements[n].value)"
    return page.evaluate(values, ["answer", "confidence"])


def grey(page):
    """Return the greys of the canvas: their mean, and whether red, green and blue are equal."""
    return page.evaluate(
        """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
            const canvas = document.getElementById("radiograph");
            const { data } = canvas.getContext("2d")
                .getImageData(canvas.width / 2 - 50, canvas.height / 2 - 50, 100, 100);
            let sum = 0, grey = true;
            for (let i = 0; i < data.length; i += 4) {
                sum += data[i];
                grey &&= data[i] === data[i + 1] && data[i] === data[i + 2];
            }
            done([sum / (data.length / 4), grey]);
        })))"""
    )


def drag(page, dx, dy, button="left"):
    box = page.locator("#radiograph").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down(button=button)
    page.mouse.move(x + dx, y + dy, steps=4)
    page.mouse.up(button=button)


# ---- a whole reading


def test_a_whole_reading_by_keys_alone(room, ann, link, page_of):
    page = page_of(link)
    given = [("p", "5"), ("a", "1"), ("u", "3"), ("p", "2")]
    for number, keys in enumerate(given, 1):
        wait_for_case(page, number)
        if number == 2:
            answer_by_keys(page, *keys, "o")
        elif number == 3:
            page.keyboard.press("c")
            page.keyboard.type("Apex hidden: p, a, u and 5\nsecond line")
            page.keyboard.press("Escape")
            answer_by_keys(page, *keys)
        else:
            answer_by_keys(page, *keys)
        expect_saved(page, number)
    expect(page.locator("#farewell")).to_have_text(re.compile("All 4 answers are saved"))
    rows = room.readings(ann)
    assert [(row.answer, row.confidence) for row in rows] == [
        ("present", 5),
        ("absent", 1),
        ("unsure", 3),
        ("present", 2),
    ]
    assert [row.other_finding for row in rows] == ["", answers.OTHER_FINDINGS[0], "", ""]
    assert rows[2].comment == "Apex hidden: p, a, u and 5\nsecond line"
    assert sorted(row.case for row in rows) == sorted(room.cases)
    assert all(0 <= row.seconds < 30 for row in rows)


def test_a_whole_reading_by_mouse_alone(room, ann, link, page_of):
    page = page_of(link)
    for number in range(1, 5):
        wait_for_case(page, number)
        page.get_by_role("radio", name="Absent", exact=True).click()
        page.get_by_role("radio", name="4", exact=True).click()
        page.get_by_role("radio", name="pneumothorax", exact=True).click()
        page.get_by_role("button", name="Save and next").click()
        expect_saved(page, number)
    expect(page.locator("#farewell")).to_have_text(re.compile("All 4 answers are saved"))
    given = [(row.answer, row.confidence, row.other_finding) for row in room.readings(ann)]
    assert given == [("absent", 4, "pneumothorax")] * 4


@pytest.mark.parametrize("held", TABLETS)
def test_a_tablet_reads_by_fingers_and_every_target_is_44_pixels(room, ann, link, page_of, held):
    page = page_of(link, *TABLETS[held], **TOUCH)
    wait_for_case(page, 1)
    boxes = page.evaluate(
        """() => [...document.querySelectorAll("button, .choice, textarea")]
            .filter(element => element.checkVisibility())
            .map(element => [element.textContent, element.getBoundingClientRect().toJSON()])"""
    )
    for name, box in boxes:
        assert box["width"] >= 44 and box["height"] >= 44, name
        assert box["left"] >= 0 and box["right"] <= TABLETS[held][0], name
        assert box["top"] >= 0 and box["bottom"] <= TABLETS[held][1], name
    stage = page.locator("#stage").bounding_box()
    assert stage["width"] >= 600 and stage["height"] >= 500
    page.get_by_role("radio", name="Present", exact=True).tap()
    page.get_by_role("radio", name="4", exact=True).tap()
    page.get_by_role("button", name="Save and next").tap()
    expect_saved(page, 1)
    assert room.readings(ann)[0].answer == "present"


# ---- back and correct, and where a reader stopped


def test_an_earlier_answer_is_corrected_and_the_newest_counts(room, ann, link, page_of):
    page = page_of(link)
    for number in (1, 2):
        wait_for_case(page, number)
        answer_by_keys(page, "p", "5")
    wait_for_case(page, 3)
    page.keyboard.press("Backspace")
    page.keyboard.press("ArrowLeft")
    wait_for_case(page, 1)
    assert chosen(page) == ["present", "5"]
    answer_by_keys(page, "a", "2")
    expect_saved(page, 1)
    wait_for_case(page, 2)
    page.keyboard.press("End")
    wait_for_case(page, 3)
    page.get_by_role("button", name="Case 3 of 4").click()
    page.get_by_role("button", name="Case 1, absent").click()
    wait_for_case(page, 1)
    assert chosen(page) == ["absent", "2"]
    rows = room.readings(ann)
    assert sorted((row.answer, row.confidence) for row in rows) == [
        ("absent", 2),
        ("present", 5),
    ]


def test_an_unchanged_answer_is_not_saved_as_a_correction(room, ann, link, page_of):
    page = page_of(link)
    wait_for_case(page, 1)
    answer_by_keys(page, "p", "5")
    expect_saved(page, 1)
    page.keyboard.press("Backspace")
    wait_for_case(page, 1)
    page.keyboard.press("Enter")
    wait_for_case(page, 2)
    answer_by_keys(page, "a", "5")
    expect_saved(page, 2)
    assert len(room.history(ann)) == 2


def test_the_reader_continues_where_they_stopped_with_what_was_not_entered_yet(link, page_of):
    page = page_of(link)
    wait_for_case(page, 1)
    answer_by_keys(page, "p", "5")
    expect_saved(page, 1)
    wait_for_case(page, 2)
    page.keyboard.press("a")
    page.keyboard.press("c")
    page.keyboard.type("half a com")
    page.reload()
    wait_for_case(page, 2)
    assert chosen(page) == ["absent", ""]
    assert page.locator("#comment").input_value() == "half a com"
    elsewhere = page_of(link)
    wait_for_case(elsewhere, 2)
    assert chosen(elsewhere) == ["", ""]


def test_nothing_is_saved_without_answer_or_confidence_and_the_page_says_why(
    room, ann, link, page_of
):
    page = page_of(link)
    wait_for_case(page, 1)
    page.keyboard.press("Enter")
    expect(page.locator("#hint")).to_contain_text("Answer first")
    answer_by_keys(page, "a")
    expect(page.locator("#hint")).to_contain_text("how confident")
    wait_for_case(page, 1)
    assert room.readings(ann) == []


# ---- the server is away


def test_a_killed_server_loses_no_answer_and_the_page_says_what_is_not_saved(serve, page_of):
    server = serve(cases=6)
    page = page_of(server.links[0])
    wait_for_case(page, 1, 6)
    answer_by_keys(page, "p", "5")
    expect_saved(page, 1)
    page.wait_for_load_state("networkidle")
    server.kill()
    wait_for_case(page, 2, 6)
    answer_by_keys(page, "a", "4")
    expect(page.locator("#status")).to_contain_text("Not saved yet: 1 answer is waiting")
    wait_for_case(page, 3, 6)
    answer_by_keys(page, "u", "3")
    expect(page.locator("#status")).to_contain_text("Not saved yet: 2 answers are waiting")
    page.keyboard.press("o")
    expect(page.locator("#hint")).to_contain_text(answers.OTHER_FINDINGS[0])
    expect(page.locator("#status")).to_contain_text("Not saved yet: 2 answers are waiting")
    assert len(server.readings()) == 1
    server.start()
    expect_saved(page, 3)
    rows = server.readings()
    assert [(row.answer, row.confidence) for row in rows] == [
        ("present", 5),
        ("absent", 4),
        ("unsure", 3),
    ]
    wait_for_case(page, 4, 6)
    page.reload()
    wait_for_case(page, 4, 6)


def test_an_answer_that_was_not_saved_yet_survives_a_reload_of_the_page(room, ann, link, page_of):
    page = page_of(link)
    page.on("dialog", lambda dialog: dialog.accept())
    wait_for_case(page, 1)
    page.wait_for_load_state("networkidle")
    page.route("**/api/answers", lambda route: route.abort())
    answer_by_keys(page, "a", "4")
    expect(page.locator("#status")).to_contain_text("Not saved yet")
    page.reload()
    wait_for_case(page, 2)
    expect(page.locator("#status")).to_contain_text("Not saved yet")
    assert room.readings(ann) == []
    page.unroute("**/api/answers")
    expect_saved(page, 1)
    assert room.readings(ann)[0].answer == "absent"


def test_an_answer_whose_confirmation_was_lost_is_saved_once(room, ann, link, page_of):
    page = page_of(link)
    wait_for_case(page, 1)
    lost = []

    def lose(route):
        if not lost:
            lost.append(route.fetch())
            return route.abort()
        return route.continue_()

    page.route("**/api/answers", lose)
    answer_by_keys(page, "a", "4")
    expect_saved(page, 1)
    assert lost[0].status == 200
    assert len(room.history(ann)) == 1


def test_a_link_that_was_replaced_says_so_and_keeps_the_answer(room, ann, link, page_of):
    page = page_of(link)
    wait_for_case(page, 1)
    second = room.invite(ann, again=True)
    answer_by_keys(page, "p", "5")
    expect(page.locator("#status")).to_contain_text("Open your personal link again")
    again = page.context.new_page()
    again.goto(second)
    expect_saved(page, 1)
    assert len(room.readings(ann)) == 1


def test_two_readers_in_one_browser_do_not_answer_for_each_other(room, ann, link, page_of):
    page = page_of(link)
    wait_for_case(page, 1)
    other = page.context.new_page()
    other.goto(room.invite("ben"))
    wait_for_case(other, 1)
    answer_by_keys(page, "p", "5")
    expect(page.locator("#status")).to_contain_text("Open your personal link again")
    assert room.readings("ben") == []
    other.goto(room.invite(ann, again=True))
    expect_saved(page, 1)
    assert len(room.readings(ann)) == 1
    assert room.readings("ben") == []


def test_a_radiograph_that_does_not_come_is_asked_for_again(link, page_of):
    page = page_of("about:blank")
    page.route("**/images/*", lambda route: route.abort())
    page.goto(link)
    expect(page.locator("#notice")).to_contain_text("has not come yet")
    answer_by_keys(page, "p", "5")
    expect(page.locator("#hint")).to_contain_text("not on the screen yet")
    page.unroute("**/images/*")
    wait_for_case(page, 1)
    expect(page.locator("#notice")).to_be_hidden()


# ---- the radiograph


def test_window_level_inversion_and_reset_change_the_pixels(link, page_of):
    page = page_of(link)
    wait_for_case(page, 1)
    first, is_grey = grey(page)
    assert is_grey and 100 < first < 160
    page.keyboard.press("ArrowUp")
    brighter, _ = grey(page)
    assert brighter > first + 4
    page.keyboard.press("r")
    assert grey(page)[0] == first
    drag(page, 0, 60)
    assert grey(page)[0] < first - 15
    expect(page.locator("#view")).to_contain_text("Level 158")
    page.keyboard.press("r")
    drag(page, -100, 0)
    expect(page.locator("#view")).to_contain_text("Width 156")
    page.keyboard.press("r")
    page.keyboard.press("i")
    assert abs(grey(page)[0] - (255 - first)) < 1
    expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Reset").click()
    assert grey(page)[0] == first


def test_zoom_and_pan_by_wheel_keys_and_mouse(link, page_of):
    page = page_of(link)
    wait_for_case(page, 1)
    view = page.locator("#view")
    fitted = view.text_content()
    page.keyboard.press("f")
    expect(view).to_contain_text("100 %")
    page.keyboard.press("+")
    expect(view).to_contain_text("125 %")
    page.keyboard.press("-")
    expect(view).to_contain_text("100 %")
    page.mouse.move(600, 500)
    page.mouse.wheel(0, -1000)
    expect(view).to_contain_text("448 %")
    page.mouse.wheel(0, -1000)
    expect(view).to_contain_text("1600 %")
    before = grey(page)
    for move in (
        lambda: page.keyboard.press("Shift+ArrowRight"),
        lambda: drag(page, 70, 40, "right"),
        lambda: drag(page, 70, 40, "middle"),
        lambda: (page.keyboard.down(" "), drag(page, 70, 40), page.keyboard.up(" ")),
    ):
        move()
        assert grey(page) != before
        before = grey(page)
    expect(view).to_contain_text("Level 128 Width 256")
    page.keyboard.press("r")
    expect(view).to_have_text(fitted)


def test_two_fingers_zoom_and_one_finger_windows(link, page_of):
    page = page_of(link, 1024, 768, **TOUCH)
    wait_for_case(page, 1)
    fingers = page.context.new_cdp_session(page)

    def touch(kind, *places):
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    before = page.locator("#view").text_content()
    touch("touchStart", (300, 400), (350, 400))
    touch("touchMove", (250, 400), (400, 400))
    touch("touchMove", (200, 400), (450, 400))
    touch("touchEnd")
    expect(page.locator("#view")).not_to_have_text(before)
    zoom = int(re.search(r"(\d+) %", page.locator("#view").text_content())[1])
    assert zoom > 1.5 * int(re.search(r"(\d+) %", before)[1])
    expect(page.locator("#view")).to_contain_text("Level 128 Width 256")
    touch("touchStart", (300, 400))
    touch("touchMove", (300, 440))
    touch("touchEnd")
    expect(page.locator("#view")).to_contain_text("Level 148")


def test_every_case_starts_with_the_same_window(link, page_of):
    page = page_of(link)
    wait_for_case(page, 1)
    for key in ("ArrowUp", "i", "+", "p", "5", "Enter"):
        page.keyboard.press(key)
    wait_for_case(page, 2)
    expect(page.locator("#view")).to_have_text(re.compile(r"^Level 128 Width 256 \d+ % ?$"))


def test_an_arrow_after_a_click_moves_on_and_changes_no_answer(link, page_of):
    page = page_of(link)
    wait_for_case(page, 1)
    answer_by_keys(page, "p", "5")
    wait_for_case(page, 2)
    page.get_by_role("radio", name="Absent", exact=True).click()
    page.keyboard.press("ArrowLeft")
    wait_for_case(page, 1)
    assert chosen(page) == ["present", "5"]
    page.keyboard.press("ArrowRight")
    wait_for_case(page, 2)
    assert chosen(page) == ["absent", ""]


def test_the_tab_key_reaches_everything_and_shows_where_it_is(link, page_of):
    page = page_of(link)
    wait_for_case(page, 1)
    reached = set()
    for _ in range(24):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => {
                const element = document.activeElement;
                const shown = element.closest(".choice") ?? element;
                return [element.name || element.dataset.do || element.id,
                        parseFloat(getComputedStyle(shown).outlineWidth)];
            }"""
        )
        if name:
            reached.add(name)
            assert outline >= 2, name
    assert reached >= {"radiograph", "in", "out", "full", "reset", "invert", "help", "cases"}
    assert reached >= {"answer", "confidence", "other_finding", "comment", "save"}


def test_help_lists_the_keys_and_escape_returns_to_the_case(link, page_of):
    page = page_of(link)
    wait_for_case(page, 1)
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys, mouse and fingers")).to_be_visible()
    page.keyboard.press("p")
    page.keyboard.press("Escape")
    assert chosen(page) == ["", ""]
    page.keyboard.press("p")
    assert chosen(page) == ["present", ""]


# ---- secrecy


def test_without_the_secret_neither_page_nor_image_is_served(room, link, page_of):
    page = page_of("about:blank")
    response = page.goto(room.base)
    assert response.status == 403
    expect(page.locator("main")).to_contain_text("opens with a personal link only")
    assert page.goto(f"{room.base}/images/{room.cases[0]}.png").status == 403
    assert httpx.get(f"{room.base}/api/reading").status_code == 403
    page.goto(link + "x")
    expect(page.locator("#message")).to_contain_text("not known here")


def test_the_secret_stays_in_no_address_and_within_no_script_s_reach(room, link, page_of):
    page = page_of(link)
    wait_for_case(page, 1)
    token = link.partition("#")[2]
    assert page.url == f"{room.base}/"
    page.go_back()
    assert token not in page.url
    page.goto(room.base)
    wait_for_case(page, 1)
    within = page.evaluate("document.cookie + JSON.stringify({ ...localStorage })")
    assert token not in within and "reader-" not in within.split("{")[0]


def test_the_readers_are_blinded(link, page_of):
    page = page_of("about:blank")
    bodies = []
    page.on("response", lambda response: bodies.append(response))
    page.goto(link)
    wait_for_case(page, 1)
    page.wait_for_load_state("networkidle")
    for response in bodies:
        if "/api/" in response.url:
            assert not re.search("label|predict|score|probab|seed", response.text())


def test_the_administrator_s_page_shows_progress_and_exports(serve, page_of):
    server = serve()
    for link, key in ((server.links[0], "p"), (server.invite("<b>ann</b>"), "a")):
        page = page_of(link)
        wait_for_case(page, 1)
        for number in (1, 2, 3, 4):
            wait_for_case(page, number)
            answer_by_keys(page, key if number > 1 else "p", "5")
            expect_saved(page, number)
    admin = page_of(server.links[1], 1200, 700)
    expect(admin.locator("#readers tr")).to_have_count(2)
    expect(admin.locator("#readers tr").last).to_contain_text("<b>ann</b>")
    expect(admin.locator("#readers tr").last).to_contain_text("4 of 4")
    expect(admin.locator("#pairs tr")).to_contain_text("25 %")
    with admin.expect_download() as download:
        admin.get_by_text("Export readings as CSV").click()
    assert len(answers.read_csv(download.value.path(), STUDY, server.cases, ASKED)) == 8
