"""The web application: who may see what, and the answers on their way to the store."""

import logging
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from cxrnoise.reading import answers
from cxrnoise.reading.answers import Asked, Reading

from . import agreement
from .guards import SecureHeaders, fields, own_json
from .store import Store
from .study import Study

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
ENTRY_FILES = ("enter.js", "icon.svg", "room.css")  # hold nothing of a study
FILES = (
    "admin.js",
    "clock.js",
    "class.js",
    "decoder.js",
    "finding.js",
    "findings.js",
    "keys.js",
    "outbox.js",
    "pictures.js",
    "reader.js",
    "server.js",
    "viewer.js",
)
READER, ADMIN = "reader", "admin"
# The body of a request that saves the answer to one finding, or those to several findings.
ANSWER = {
    "submission": str,
    "reader": str,
    "case": str,
    "answer": str,
    "confidence": int,
    "other_finding": str,
    "comment": str,
    "seconds": (int, float),
}
ANSWERS = {
    "submission": str,
    "reader": str,
    "case": str,
    "answers": dict,  # answer by finding
    "comment": str,
    "seconds": (int, float),
}
Endpoint = Callable[[Request], Awaitable[Response]]


def create(study: Study, store: Store, hosts: list[str], secure: bool = False) -> ASGIApp:
    """Return the application.

    Parameters
    ----------
    hosts: the host names under which it may be asked for, without ports.
    secure: whether browsers reach it by https, so that its cookies are never sent without.
    """
    room = _Room(study, store, hosts, secure)
    app = Starlette(
        routes=room.routes(),
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)],
        exception_handlers={
            HTTPException: _refused,
            sqlite3.Error: _unsaved,
            Exception: _failed,
        },
    )
    return SecureHeaders(app)


class _Room:
    def __init__(self, study: Study, store: Store, hosts: list[str], secure: bool):
        self.study, self.store, self.hosts, self.secure = study, store, hosts, secure

    def routes(self) -> list[Route]:
        """Return all routes; only the first ones answer without a secret."""
        return [
            Route("/enter", _file("enter.html")),
            *(Route(f"/{name}", _file(name)) for name in ENTRY_FILES),
            Route("/session", self.enter, methods=["POST"]),
            self._guarded("/", _file("index.html"), READER),
            self._guarded("/admin", _file("admin.html"), ADMIN),
            *(self._guarded(f"/{name}", _file(name), READER, ADMIN) for name in FILES),
            self._guarded("/images/{case}.png", self.image, READER),
            self._guarded("/api/reading", self.reading, READER),
            self._guarded("/api/answers", self.save, READER, methods=["POST"]),
            self._guarded("/api/overview", self.overview, ADMIN),
            self._guarded("/readings.csv", self.export, ADMIN),
        ]

    def _guarded(
        self, path: str, endpoint: Endpoint, *audience: str, methods: list[str] | None = None
    ) -> Route:
        async def guarded(request: Request) -> Response:
            present = await run_in_threadpool(self._present, request)
            return await endpoint(request) if present & {*audience} else _closed(request)

        return Route(path, guarded, methods=methods or ["GET"])

    def _present(self, request: Request) -> set[str]:
        """Return as whom the request's cookies count; keep the reader's name in its state."""
        reader = self.store.reader_with(request.cookies.get(self._cookie(READER), ""))
        admin = self.store.is_admin(request.cookies.get(self._cookie(ADMIN), ""))
        request.state.reader = reader
        return {name for name, there in ((READER, reader), (ADMIN, admin)) if there}

    def _cookie(self, audience: str) -> str:
        """Return a cookie's name: rooms on several ports of one host share the cookies."""
        return f"{audience}-{self.study.id}"

    async def enter(self, request: Request) -> Response:
        """Exchange the secret of a link for a cookie that no script can read."""
        content = fields(await own_json(request, self.hosts), {"token": str})
        audience = await run_in_threadpool(self._audience, content["token"])
        if audience is None:
            raise HTTPException(403, "This link is not known here: ask for a new one.")
        response = JSONResponse({"page": "./" if audience == READER else "admin"})
        response.set_cookie(
            self._cookie(audience),
            content["token"],
            httponly=True,
            samesite="strict",
            secure=self.secure,
        )
        return response

    def _audience(self, token: str) -> str | None:
        if self.store.reader_with(token):
            return READER
        return ADMIN if self.store.is_admin(token) else None

    async def image(self, request: Request) -> Response:
        image = self.study.images.get(request.path_params["case"])
        if image is None:
            raise HTTPException(404, "There is no such case.")
        return FileResponse(
            image,
            media_type="image/png",
            headers={"cache-control": "private, max-age=604800, immutable"},
        )

    async def reading(self, request: Request) -> Response:
        """Return what the reader's page needs: the cases in order, and the answers so far."""
        reader = request.state.reader
        given = await run_in_threadpool(self.store.readings, reader)
        cases = await run_in_threadpool(self._cases, reader)
        asked = self.study.asked
        return JSONResponse(
            {
                "study": self.study.id,
                "title": self.study.title,
                "findings": asked.findings,
                "classes": asked.classes,
                "reader": reader,
                "cases": cases,
                "answers": _of_cases(given, cases, asked),
                "other_findings": answers.OTHER_FINDINGS,
                "comment_length": answers.COMMENT_LENGTH,
            }
        )

    def _cases(self, reader: str) -> list[str]:
        """Return the cases of the reader in their order."""
        part = self.store.part(reader)
        return [case for case in self.study.order(reader) if part is None or case in part]

    async def save(self, request: Request) -> Response:
        """Store the answers to one case; the response is sent when they are on disk."""
        asked = self.study.asked
        content = fields(await own_json(request, self.hosts), ANSWER if asked.alone else ANSWERS)
        submission = content.pop("submission")
        if not re.fullmatch("[0-9a-f]{32}", submission):
            raise HTTPException(400, "submission is not 32 hex digits.")
        if content["reader"] != request.state.reader:
            raise HTTPException(403, "Another reader's link was opened in this browser since.")
        if content["case"] not in self.study.images:
            raise HTTPException(400, "There is no such case.")
        readings = _readings(content, self.study)
        for reading in readings:
            wrong = answers.problem(reading, asked)
            if wrong:
                raise HTTPException(400, f"The answer has {wrong}.")
        await run_in_threadpool(self.store.save, submission, readings)
        return JSONResponse({"saved": submission})

    async def overview(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._overview))

    def _overview(self) -> dict:
        newest, history, asked = self.store.readings(), self.store.history(), self.study.asked
        return {
            "title": self.study.title,
            "vocabulary": asked.vocabulary,
            "cases": len(self.study.images),
            "readers": [
                agreement.progress(
                    reader,
                    [reading for reading in newest if reading.reader == reader],
                    sum(reading.reader == reader for reading in history),
                    self._cases(reader),
                    asked,
                )
                for reader in self.store.readers()
            ],
            "findings": agreement.findings(newest, asked),
            "pairs": agreement.pairs(newest, asked),
        }

    async def export(self, request: Request) -> Response:
        text = answers.to_csv(await run_in_threadpool(self.store.readings))
        return Response(
            text,
            media_type="text/csv",
            headers={"content-disposition": f"attachment; filename=readings-{self.study.id}.csv"},
        )


def _readings(content: dict, study: Study) -> list[Reading]:
    """Return the readings in the body of a request, one a finding."""
    asked = study.asked
    if asked.alone:
        said = {asked.findings[0]: content.pop("answer")}
    else:
        said = content.pop("answers")
        content |= {"confidence": answers.UNSAID, "other_finding": ""}
    if said.keys() != set(asked.findings):
        raise HTTPException(400, "The answers are not those to the findings of the study.")
    shared = content | {"seconds": round(float(content["seconds"]), 1)}
    time = answers.now()
    return [
        Reading(study=study.id, answered_at=time, finding=finding, answer=answer, **shared)
        for finding, answer in said.items()
    ]


def _of_cases(readings: Iterable[Reading], cases: list[str], asked: Asked) -> list[dict]:
    """Return what a reader's page needs of the answers to its cases, one entry a case."""
    found, wanted = {}, set(cases)
    for reading in readings:
        if reading.case in wanted:
            own = found.setdefault(reading.case, {"case": reading.case, "answers": {}})
            own["answers"][reading.finding] = reading.answer
            own |= {key: getattr(reading, key) for key in ("comment", "seconds")}
            if asked.alone:
                own |= {key: getattr(reading, key) for key in ("confidence", "other_finding")}
                own["answer"] = reading.answer
    return list(found.values())


def _file(name: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return FileResponse(STATIC / name, headers={"cache-control": "no-store"})

    return endpoint


def _closed(request: Request) -> Response:
    """Refuse: with a page to those who ask for one, else with a sentence."""
    if request.url.path in ("/", "/admin"):
        return FileResponse(STATIC / "closed.html", 403, headers={"cache-control": "no-store"})
    return JSONResponse({"error": "Open your personal link first."}, 403)


async def _refused(request: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _unsaved(request: Request, error: sqlite3.Error) -> Response:
    log.error("the database of readings failed: %s", error)
    return JSONResponse({"error": "The database of readings cannot be written now."}, 503)


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "The server failed."}, 500)
