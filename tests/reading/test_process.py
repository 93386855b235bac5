"""The reading room as a process: its commands, its mistakes, and twenty readers at once."""

import asyncio
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from cxrnoise.reading.answers import Asked
from reading_studies import ASKED, NIH, answer, reading, several

OURS = {"X-Reading-Room": "1"}
READERS, CASES = 20, 30


def test_a_fresh_room_invites_a_first_reader_and_an_administrator(serve):
    server = serve()
    assert len(server.links) == 2
    for link, page in zip(server.links, ("/", "/admin"), strict=True):
        with httpx.Client(base_url=server.base) as client:
            token = {"token": link.partition("#")[2]}
            assert client.post("/session", json=token, headers=OURS).status_code == 200
            assert client.get(page).status_code == 200


def test_no_secret_is_printed_but_by_the_command_that_makes_it(serve):
    server = serve()
    printed = server.run("invite", "ann", "--port", str(server.port)).stdout
    (link,) = re.findall(rf"{server.base}/enter#\S+", printed)
    token = link.partition("#")[2]
    with httpx.Client(base_url=server.base) as client:
        client.post("/session", json={"token": token}, headers=OURS)
        client.get(f"/enter?{token}")
        client.post("/session", content=token)
        client.post("/session", json={"token": token + "x"}, headers=OURS)
    server.process.terminate()
    printed = server.process.stdout.read() + server.printed.read_text()
    assert token not in printed
    room = server.study.parent / "room"
    assert all(token.encode() not in path.read_bytes() for path in room.iterdir())


def test_a_port_in_use_is_one_sentence(serve):
    server = serve()
    done = server.run("serve", "--port", str(server.port))
    assert done.returncode == 1
    assert done.stderr == (
        f"Port {server.port} of 127.0.0.1 cannot be opened (Address already in use): "
        "stop the program that uses it, or choose another one with --port.\n"
    )


def test_loopback_is_the_default(serve):
    server = serve()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5):
        pass
    assert server.base == f"http://127.0.0.1:{server.port}"


def test_a_database_from_another_study_is_one_sentence(serve):
    server = serve()
    path = server.study / "study.json"
    path.write_text(path.read_text().replace("0123456789abcdef", "fedcba9876543210"))
    done = server.run("admin")
    assert done.returncode == 1
    assert "holds the readings of another study" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_study_folder_stays_as_it_is(serve):
    server = serve()
    server.invite("ann")
    assert {path.name for path in server.study.iterdir()} == {"study.json", "images"}


def test_a_room_inside_the_study_is_one_sentence(serve):
    server = serve()
    done = server.run("admin", "--room", str(server.study / "room"))
    assert done.returncode == 1
    assert "is inside the study" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [[], ["serve"], ["invite"], ["admin"], ["export"], ["import"]])
def test_each_command_explains_itself(room, command):
    shown = room.run(*command, "--help")
    assert shown.returncode == 0 and shown.stderr == ""
    assert shown.stdout.startswith("usage: reading-room ")
    listed = shown.stdout.partition("options:\n")[2].splitlines()
    assert all(len(line.split()) > 1 for line in listed if line.startswith("  -"))


def test_export_and_import_are_one_command_each(serve, tmp_path):
    server = serve()
    with httpx.Client(base_url=server.base) as client:
        token = {"token": server.links[0].partition("#")[2]}
        client.post("/session", json=token, headers=OURS)
        client.post(
            "/api/answers", json=answer(server.cases[0], "1", reader="reader-1"), headers=OURS
        )
    exported = server.run("export", str(tmp_path / "out.csv"))
    assert exported.stdout.endswith("1 readings of 1 readers\n")
    text = (tmp_path / "out.csv").read_text()
    assert f"{server.cases[0]},reader-1,Emphysema,present,4,,,12.5,20" in text
    again = server.run("import", str(tmp_path / "out.csv"))
    assert again.stdout.endswith("0 readings added, 1 were there already\n")
    other = server.run("import", str(tmp_path / "out.csv"), "--room", str(tmp_path / "other"))
    assert other.stdout.endswith("1 readings added, 0 were there already\n")


def test_a_third_reader_is_invited_to_the_disputed_cases_or_to_a_part(serve):
    server = serve(cases=10)
    none = server.run("invite", "eva", "--cases", "disputed")
    assert none.returncode == 1 and none.stderr.startswith("No two readers disagree on a case")
    assert none.stderr.count("\n") == 1
    server.invite("ann")
    server.invite("ben")
    with server.store() as store:
        for reader, said in (("ann", "present"), ("ben", "absent")):
            for number, case in enumerate(server.cases[:4]):
                mine = said if number < 2 else "unsure"
                store.save(f"{reader} {case}", [reading(case, reader=reader, answer=mine)])
    invited = server.run("invite", "eva", "--cases", "disputed")
    assert invited.stdout.startswith("eva reads 2 of 10 cases.\n")
    parts = []
    for name in ("cy", "dan"):
        assert "reads 3 of 10 cases" in server.run("invite", name, "--part", "0.3").stdout
        with server.store() as store:
            parts.append(store.part(name))
    assert parts[0] == parts[1]
    assert "--part" in server.run("invite", "flo", "--part", "1.5").stderr


def test_a_bad_import_is_one_sentence_and_adds_nothing(serve, tmp_path):
    server = serve()
    text = (
        "study,case,reader,answer,confidence,other_finding,comment,seconds,answered_at\n"
        f"0123456789abcdef,{server.cases[0]},eva,present,4,,,1,2026-01-31T12:00:00Z\n"
        "0123456789abcdef,dddddddddddd,eva,present,4,,,1,2026-01-31T12:00:00Z\n"
    )
    (tmp_path / "in.csv").write_text(text)
    done = server.run("import", str(tmp_path / "in.csv"))
    assert done.returncode == 1
    assert "in.csv, row 3, has the case 'dddddddddddd'" in done.stderr
    assert done.stderr.count("\n") == 1
    assert server.readings() == []


@pytest.mark.parametrize("asked", [ASKED, Asked(NIH)], ids=["one finding", "14 findings"])
def test_twenty_readers_at_once_meet_no_error_and_lose_no_answer(serve, asked):
    server = serve(cases=CASES, asked=asked)
    links = [server.invite(f"reader {number:02d}") for number in range(READERS)]
    tokens = [link.partition("#")[2] for link in links]

    def body(case: str, **values) -> dict:
        if asked.alone:
            return answer(case, values["comment"], **values)
        return several(case, values["comment"], dict.fromkeys(NIH, "absent"), **values)

    async def answered(ask, *args, **options) -> httpx.Response:
        """As a page does: ask again where the connection was closed."""
        while True:
            try:
                return await ask(*args, **options)
            except httpx.TransportError:
                continue

    async def read(token: str, number: int, failures: list) -> None:
        async with httpx.AsyncClient(base_url=server.base, timeout=30) as client:
            entered = await answered(client.post, "/session", json={"token": token}, headers=OURS)
            content = (await answered(client.get, "/api/reading")).json()

            async def one(case: str) -> None:
                image = await answered(client.get, f"/images/{case}.png")
                sent = body(case, reader=content["reader"], comment=f"{number} {case}")
                saved = await answered(client.post, "/api/answers", json=sent, headers=OURS)
                failures.extend(r for r in (entered, image, saved) if r.status_code != 200)

            await asyncio.gather(*map(one, content["cases"]))

    async def all_at_once() -> list:
        failures = []
        each = (read(token, number, failures) for number, token in enumerate(tokens))
        await asyncio.gather(*each)
        return failures

    with ThreadPoolExecutor() as own_thread:  # the browser's has a loop already
        assert own_thread.submit(asyncio.run, all_at_once()).result() == []
    server.kill()
    rows = server.readings()
    assert {(row.reader, row.finding, row.comment) for row in rows} == {
        (f"reader {number:02d}", finding, f"{number} {case}")
        for number in range(READERS)
        for finding in asked.findings
        for case in server.cases
    }
    assert len(rows) == len(server.history()) == READERS * CASES * len(asked.findings)
