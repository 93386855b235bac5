"""The study that is read: its cases and their images, and nothing that a model or a label says."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from cxrnoise.core.errors import UserError
from cxrnoise.core.randomness import generator, uniform
from cxrnoise.reading.answers import Asked

_TYPES = {"study": str, "title": str, "seed": int, "cases": list}


@dataclass(frozen=True)
class Study:
    """id: 16 hex digits; asked: of each case; images: the PNG of every case, by its opaque id."""

    id: str
    title: str
    asked: Asked
    seed: int
    images: dict[str, Path]

    def order(self, reader: str) -> list[str]:
        """Return the cases in the random order of this reader, the same at every call."""
        cases = sorted(self.images)
        ranks = generator(self.seed, "reading order", self.id, reader).permutation(len(cases))
        return [cases[rank] for rank in ranks]

    def part(self, share: float) -> list[str]:
        """Return a random share of the cases, at least one; a larger one contains a smaller one."""
        cases = sorted(self.images)
        numbers = dict(zip(cases, uniform(self.seed, "part of the cases", cases), strict=True))
        return sorted(cases, key=numbers.get)[: max(1, round(share * len(cases)))]


def load(folder: str | Path) -> Study:
    """Load the study in `folder`; raise `UserError` when it is none or an image is missing."""
    folder = Path(folder)
    path = folder / "study.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"{folder} holds no reading study (study.json: {error.strerror}): "
            "make the study first, or name the folder of another one."
        ) from error
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): make the study again.") from error
    _check(content, path)
    images = {case: folder / "images" / f"{case}.png" for case in content["cases"]}
    for image in images.values():
        if not image.is_file():
            raise UserError(f"{image} is missing: make the study again.")
    return Study(content["study"], content["title"], _asked(content), content["seed"], images)


def _asked(content: dict) -> Asked:
    findings = content["findings"] if "findings" in content else [content["finding"]]
    return Asked(tuple(findings), tuple(content.get("classes", ())))


def _check(content: object, path: Path) -> None:
    def refuse(what: str) -> None:
        raise UserError(f"{path} is no reading study ({what}): make the study again.")

    if not isinstance(content, dict):
        refuse("it is no JSON object")
    for key, kind in _TYPES.items():
        if not isinstance(content.get(key), kind):
            refuse(f"{key} is missing or of another type")
    for key in ("findings", "classes"):
        names = content.get(key, ["one"])
        if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
            refuse(f"{key} is no list of names")
    if "findings" not in content and not isinstance(content.get("finding"), str):
        refuse("finding is missing or of another type")
    if not re.fullmatch("[0-9a-f]{16}", content["study"]):
        refuse("study is not 16 hex digits")
    for case in content["cases"]:
        if not isinstance(case, str) or not re.fullmatch("c?[0-9a-f]{12}", case):
            refuse(f"the case {case!r} is not c and 12 hex digits")
    if not content["cases"]:
        refuse("it has no cases")
    if len(set(content["cases"])) < len(content["cases"]):
        refuse("a case is listed twice")
