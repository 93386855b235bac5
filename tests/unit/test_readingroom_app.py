"""What the reading room answers, to whom, and what it refuses."""

import json
import re
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from starlette.testclient import TestClient

from cxrnoise.core.errors import UserError
from cxrnoise.reading import answers
from cxrnoise.reading.answers import Asked
from reading_studies import ASKED, NIH, ROTATIONS, STUDY, answer, reading, several, write_study
from readingroom import agreement, app, guards, links, study
from readingroom.store import Store

BASE = "http://127.0.0.1:8000"
OURS = {"X-Reading-Room": "1"}
PUBLIC = {"/enter", "/enter.js", "/icon.svg", "/room.css", "/session"}


class Room:
    """A room in this process, with clients that hold one reader's cookie, or none."""

    def __init__(self, folder: Path, secure: bool = False, asked: Asked = ASKED):
        self.cases = write_study(folder / "study", asked=asked)
        self.study = study.load(folder / "study")
        self.store = Store(folder / "room", STUDY, asked)
        self.app = app.create(self.study, self.store, ["127.0.0.1", "reading.example"], secure)
        self.routes = app._Room(self.study, self.store, [], False).routes()

    def stranger(self) -> TestClient:
        return TestClient(self.app, BASE, raise_server_exceptions=False)

    def client(self, token: str) -> TestClient:
        client = self.stranger()
        assert client.post("/session", json={"token": token}, headers=OURS).status_code == 200
        return client

    def reader(self, name: str = "ann") -> TestClient:
        return self.client(self.store.invite(name))

    def admin(self) -> TestClient:
        return self.client(self.store.new_admin())


@pytest.fixture
def room(tmp_path):
    return Room(tmp_path)


@pytest.fixture
def nih(tmp_path):
    """A room that asks for 14 findings."""
    return Room(tmp_path, asked=Asked(NIH))


def send(client, case, submission="1", **values):
    return client.post("/api/answers", json=answer(case, submission, **values), headers=OURS)


# ---- reading


def test_a_saved_answer_is_in_the_database_before_it_is_called_saved(room):
    client = room.reader()
    response = send(client, room.cases[0], comment="büllae", other_finding="pneumothorax")
    assert response.json() == {"saved": answer(room.cases[0], "1")["submission"]}
    (saved,) = room.store.readings()
    assert saved == reading(
        room.cases[0],
        comment="büllae",
        other_finding="pneumothorax",
        answered_at=saved.answered_at,
    )


def test_the_reader_gets_the_cases_in_their_order_and_their_own_answers(room):
    ann, ben = room.reader("ann"), room.reader("ben")
    send(ann, room.cases[0])
    send(ann, room.cases[0], "2", answer="absent")
    content = ann.get("/api/reading").json()
    assert content["cases"] == room.study.order("ann")
    assert [(made["case"], made["answer"]) for made in content["answers"]] == [
        (room.cases[0], "absent")
    ]
    assert ben.get("/api/reading").json()["answers"] == []


def test_an_image_is_the_file_of_the_study(room):
    response = room.reader().get(f"/images/{room.cases[0]}.png")
    assert response.content == room.study.images[room.cases[0]].read_bytes()
    assert response.headers["content-type"] == "image/png"


@pytest.mark.parametrize("case", ["dddddddddddd", "..%2fstudy", "%2e%2e/study", "../study.json"])
def test_no_other_file_can_be_asked_for(room, case):
    response = room.reader().get(f"/images/{case}.png")
    assert response.status_code == 404
    assert STUDY not in response.text


def test_a_repeated_request_saves_once(room):
    client = room.reader()
    for _ in range(3):
        assert send(client, room.cases[0]).status_code == 200
    assert len(room.store.history()) == 1


def test_an_answer_from_another_reader_s_page_is_not_saved_as_this_reader_s(room):
    client = room.reader("ben")
    assert send(client, room.cases[0], reader="ann").status_code == 403
    assert room.store.history() == []


@pytest.mark.parametrize(
    "values",
    [
        {"case": "dddddddddddd"},
        {"case": 7},
        {"answer": "maybe"},
        {"answer": None},
        {"confidence": 0},
        {"confidence": 6},
        {"confidence": 4.0},
        {"confidence": "4"},
        {"confidence": True},
        {"other_finding": "broken rib"},
        {"comment": "x" * 2001},
        {"comment": "\0"},
        {"comment": "\ud800"},
        {"seconds": -1},
        {"seconds": 1e9},
        {"submission": "1"},
        {"number": 1},
    ],
)
def test_an_answer_that_is_none_is_refused_with_a_sentence(room, values):
    client = room.reader()
    body = json.dumps(answer(room.cases[0], "1") | values)
    headers = OURS | {"Content-Type": "application/json"}
    response = client.post("/api/answers", content=body, headers=headers)
    assert response.status_code == 400
    assert response.json()["error"].endswith(".")
    assert room.store.history() == []


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"seconds": NaN}', "[" * 9000, "\xff"])
def test_a_body_that_is_no_answer_is_refused(room, body):
    headers = OURS | {"Content-Type": "application/json"}
    response = room.reader().post("/api/answers", content=body.encode("latin-1"), headers=headers)
    assert response.status_code == 400


def test_a_body_of_more_than_16_kib_is_refused(room):
    client = room.reader()
    body = json.dumps(answer(room.cases[0], "1")).encode()
    headers = OURS | {"Content-Type": "application/json"}
    for size, status in [(guards.BODY_LIMIT, 200), (guards.BODY_LIMIT + 1, 413)]:
        response = client.post("/api/answers", content=body.ljust(size), headers=headers)
        assert response.status_code == status
    assert guards.BODY_LIMIT == 16 * 1024


def test_a_database_that_fails_is_no_saved_answer(room, monkeypatch):
    client = room.reader()

    def fail(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(room.store, "save", fail)
    response = send(client, room.cases[0])
    assert response.status_code == 503
    assert "saved" not in response.json()


# ---- several findings, and classes


def send_all(client, case, submission="1", present=(), **values):
    said = {name: "present" if name in present else "absent" for name in NIH}
    said |= values.pop("said", {})
    body = several(case, submission, said, **values)
    return client.post("/api/answers", json=body, headers=OURS)


def test_one_request_saves_all_findings_of_a_case(nih):
    client = nih.reader()
    response = send_all(client, nih.cases[0], present=["Mass"], comment="büllae")
    assert response.json()["saved"]
    saved = {made.finding: made for made in nih.store.readings()}
    assert list(saved) == list(NIH)
    assert {made.comment for made in saved.values()} == {"büllae"}
    assert [name for name in NIH if saved[name].answer == "present"] == ["Mass"]
    (given,) = client.get("/api/reading").json()["answers"]
    assert given["answers"]["Mass"] == "present" and len(given["answers"]) == 14
    assert client.get("/api/reading").json()["findings"] == list(NIH)


@pytest.mark.parametrize(
    "said", [{"Mass": ""}, {"Mass": "maybe"}, {"Rib": "present"}, {"Mass": None}, {"Mass": []}]
)
def test_answers_that_are_none_save_no_finding(nih, said):
    response = send_all(nih.reader(), nih.cases[0], said=said)
    assert response.status_code == 400 and response.json()["error"].endswith(".")
    assert nih.store.history() == []


def test_an_unanswered_finding_saves_none_of_them(nih):
    said = dict.fromkeys(NIH[1:], "absent")
    body = several(nih.cases[0], "1", said)
    response = nih.reader().post("/api/answers", json=body, headers=OURS)
    assert response.status_code == 400
    assert nih.store.history() == []


def test_a_class_or_not_sure_is_saved_and_nothing_else(tmp_path):
    room = Room(tmp_path, asked=Asked(("Rotation",), ROTATIONS))
    client = room.reader()
    for number, (said, status) in enumerate(
        [("turned left", 200), ("unsure", 200), ("present", 400)]
    ):
        body = several(room.cases[number], str(number), {"Rotation": said})
        response = client.post("/api/answers", json=body, headers=OURS)
        assert response.status_code == status
    assert [made.answer for made in room.store.readings()] == ["turned left", "unsure"]
    content = client.get("/api/reading").json()
    assert (content["findings"], content["classes"]) == (["Rotation"], list(ROTATIONS))


def test_the_administrator_sees_each_finding(nih):
    send_all(nih.reader("ann"), nih.cases[0], "1", reader="ann", present=["Mass", "Edema"])
    ben = nih.reader("ben")
    for number in (0, 1):
        send_all(ben, nih.cases[number], f"b{number}", reader="ben", present=["Mass"])
    send_all(ben, nih.cases[1], "again", reader="ben", present=["Mass"], comment="sure")
    content = nih.admin().get("/api/overview").json()
    ann, ben = content["readers"]
    assert (ann["read"], ann["corrections"]) == (1, 0)
    assert (ben["read"], ben["corrections"]) == (2, 1)
    assert ann["answers"] == {"present": 2, "absent": 12, "unsure": 0}
    by_finding = {row["finding"]: row for row in content["findings"]}
    assert list(by_finding) == list(NIH)
    assert by_finding["Mass"]["read"] == by_finding["Mass"]["answers"]["present"] == 3
    equal = {pair["finding"]: pair["agreement"] for pair in content["pairs"]}
    assert equal == {name: float(name != "Edema") for name in NIH}


def test_a_second_reader_gets_the_disputed_cases_alone(nih):
    for reader, present in {"ann": ["Mass"], "ben": []}.items():
        client = nih.reader(reader)
        for number in (0, 1):
            found = present if number == 0 else []
            send_all(client, nih.cases[number], f"{reader}{number}", reader=reader, present=found)
    cases = agreement.disputed(nih.store.readings())
    assert cases == [nih.cases[0]]
    third = nih.client(nih.store.invite("eva", cases=cases))
    assert third.get("/api/reading").json()["cases"] == cases
    (*_, eva) = nih.admin().get("/api/overview").json()["readers"]
    assert (eva["reader"], eva["cases"]) == ("eva", 1)


def test_kappa_is_the_one_of_the_library():
    random = np.random.default_rng(0)
    said = random.choice(["present", "absent", "unsure"], (2, 50), p=[0.2, 0.7, 0.1])
    readings = [
        reading(f"c{number:012x}", reader=reader, answer=answer)
        for reader, given in zip(("ann", "ben"), said, strict=True)
        for number, answer in enumerate(given)
    ]
    (pair,) = agreement.pairs(readings, ASKED)
    assert pair["kappa"] == pytest.approx(cohen_kappa_score(*said))
    assert pair["agreement"] == pytest.approx((said[0] == said[1]).mean())


# ---- secrecy


def paths(room):
    return {route.path.replace("{case}", room.cases[0]): route.methods for route in room.routes}


def test_without_a_secret_nothing_but_the_entry_is_served(room):
    client = room.stranger()
    for path, methods in paths(room).items():
        for method in methods:
            response = client.request(method, path)
            assert (response.status_code == 403) == (path not in PUBLIC - {"/session"}), path
            assert STUDY not in response.text and room.cases[0] not in response.text
    assert paths(room).keys() >= PUBLIC


def test_the_entry_holds_nothing_of_the_study(room):
    client = room.stranger()
    for path in PUBLIC - {"/session"}:
        text = client.get(path).text
        assert "Emphysema" not in text and STUDY not in text


def test_a_wrong_secret_opens_nothing(room):
    room.store.invite("ann")
    client = room.stranger()
    response = client.post("/session", json={"token": "x" * 43}, headers=OURS)
    assert response.status_code == 403
    assert "set-cookie" not in response.headers
    client.cookies.set(f"reader-{STUDY}", "x" * 43)
    assert client.get(f"/images/{room.cases[0]}.png").status_code == 403


def test_the_reader_s_secret_does_not_open_the_administrator_s_page(room):
    client = room.reader()
    for path in ("/admin", "/api/overview", "/readings.csv"):
        assert client.get(path).status_code == 403


def test_the_administrator_s_secret_does_not_read(room):
    client = room.admin()
    for path in ("/", "/api/reading", f"/images/{room.cases[0]}.png"):
        assert client.get(path).status_code == 403
    assert send(client, room.cases[0]).status_code == 403


def test_a_replaced_link_no_longer_opens(room):
    client = room.reader()
    room.store.invite("ann", again=True)
    assert client.get("/").status_code == 403


@pytest.mark.parametrize("secure", [False, True])
def test_the_cookie_is_for_this_site_and_no_script(tmp_path, secure):
    room = Room(tmp_path, secure)
    token = room.store.invite("ann")
    response = room.stranger().post("/session", json={"token": token}, headers=OURS)
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert ("Secure" in cookie) == secure
    assert token not in response.text


def test_a_secret_is_not_taken_from_the_address(room):
    token = room.store.invite("ann")
    client = room.stranger()
    assert client.get(f"/?token={token}").status_code == 403
    assert client.get(f"/enter?{token}").status_code == 200
    assert client.get("/").status_code == 403


def test_every_response_has_the_headers_of_security(room, monkeypatch):
    reader, admin = room.reader(), room.admin()
    for path in [*paths(room), "/nothing", "/images/none.png"]:
        for client in (room.stranger(), reader, admin):
            headers = client.get(path).headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            cache = headers["cache-control"]
            assert cache == "no-store" or (path.startswith("/images/") and "private" in cache)


def test_a_failure_has_the_headers_too_and_says_nothing_of_its_reason(room, monkeypatch):
    client = room.reader()
    monkeypatch.setattr(room.store, "readings", lambda *_: 1 / 0)
    response = client.get("/api/reading")
    assert response.status_code == 500
    assert response.json() == {"error": "The server failed."}
    assert "content-security-policy" in response.headers


def test_pages_have_no_inline_script_or_style_and_nothing_from_elsewhere():
    for path in app.STATIC.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(src|href)=\"(https?:)?//|@import|url\(", text), path
        if path.suffix == ".html":
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", text), path


def test_every_static_file_is_served(room):
    served = {*app.ENTRY_FILES, *app.FILES}
    pages = {"index.html", "admin.html", "enter.html", "closed.html"}
    assert {path.name for path in app.STATIC.iterdir()} == served | pages


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json"}, 403),
        ({"Content-Type": "application/json", "X-Reading-Room": "0"}, 403),
        ({"Content-Type": "text/plain"} | OURS, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"} | OURS, 415),
        ({"Content-Type": "application/json", "Origin": "https://evil.example"} | OURS, 403),
        ({"Content-Type": "application/json", "Origin": "null"} | OURS, 403),
        ({"Content-Type": "application/json", "Origin": "https://reading.example"} | OURS, 200),
    ],
)
def test_a_request_of_another_site_s_page_saves_nothing(room, headers, status):
    client = room.reader()
    body = json.dumps(answer(room.cases[0], "1"))
    response = client.post("/api/answers", content=body, headers=headers)
    assert response.status_code == status
    assert len(room.store.history()) == (status == 200)


def test_another_host_s_name_is_refused(room):
    client = room.reader()
    for host, status in [("evil.example", 400), ("reading.example", 200), ("127.0.0.1:9", 200)]:
        assert client.get("/", headers={"Host": host}).status_code == status


# ---- the administrator


def test_the_administrator_sees_who_has_read_how_much_and_how_far_they_agree(room):
    for reader, given_answers in {
        "ann": ["present", "absent", "absent"],
        "ben": ["present"] * 2,
    }.items():
        client = room.reader(reader)
        for number, given in enumerate(given_answers):
            values = {"reader": reader, "answer": given, "seconds": number}
            send(client, room.cases[number], f"{reader}{number}", **values)
    send(client, room.cases[0], "again", reader="ben", answer="unsure")
    send(client, room.cases[0], "and again", reader="ben")
    content = room.admin().get("/api/overview").json()
    ann, ben = content["readers"]
    assert (ann["reader"], ann["read"], ann["corrections"], ann["median_seconds"]) == (
        ("ann", 3, 0, 1.0)
    )
    assert ann["answers"] == {"present": 1, "absent": 2, "unsure": 0}
    assert (ben["read"], ben["corrections"]) == (2, 2)
    assert content["pairs"] == [
        {
            "finding": "Emphysema",
            "readers": ["ann", "ben"],
            "cases": 2,
            "agreement": 0.5,
            "kappa": 0.0,
        }
    ]


def test_kappa_is_left_out_where_it_is_undefined(room):
    for reader in ("ann", "ben"):
        send(room.reader(reader), room.cases[0], reader, reader=reader)
    (pair,) = room.admin().get("/api/overview").json()["pairs"]
    assert pair["agreement"] == 1.0 and pair["kappa"] is None


def test_a_room_without_readings_has_an_overview(room):
    room.store.invite("ann")
    content = room.admin().get("/api/overview").json()
    assert content["readers"][0]["median_seconds"] is None
    assert content["pairs"] == []


def test_the_export_is_the_file_that_the_import_reads(room, tmp_path):
    send(room.reader(), room.cases[0], comment="=1+1")
    response = room.admin().get("/readings.csv")
    assert response.headers["content-disposition"].startswith("attachment")
    (tmp_path / "readings.csv").write_bytes(response.content)
    found = answers.read_csv(tmp_path / "readings.csv", STUDY, room.study.images, ASKED)
    assert found == room.store.readings()
    assert "'=1+1" in response.text


# ---- links


def test_a_link_keeps_its_secret_behind_the_hash():
    base = links.base_url("::1", 8000, None)
    assert links.link(base, "secret") == "http://[::1]:8000/enter#secret"
    assert links.base_url("0.0.0.0", 80, "https://reading.example/") == "https://reading.example"


def test_a_host_beyond_this_machine_needs_its_public_address():
    with pytest.raises(UserError, match="say with --public-url"):
        links.base_url("0.0.0.0", 8000, None)
    with pytest.raises(UserError, match="is no address"):
        links.base_url("127.0.0.1", 8000, "reading.example")
