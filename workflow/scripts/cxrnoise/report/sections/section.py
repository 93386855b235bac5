"""What a section of the report is made from, and what it gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cxrnoise.report.privacy import Names

Files = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Study:
    """What all sections of a report share.

    dataset: its name. phantom: whether its images are drawn. simulated: whether its readers are a
    program. config: the whole configuration. pictures: whether radiographs may be shown.
    names: of images and patients, as the report may show them. first: how many suspicious labels
    are shown. defaults: of the configuration. sources: the files that hold the numbers of each
    section before this one.
    """

    dataset: str
    phantom: bool
    simulated: bool
    config: dict
    pictures: bool
    names: Names
    first: int
    defaults: dict = field(default_factory=dict)
    sources: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """A question that the run answers, and the answer in a sentence with its interval."""

    question: str
    answer: str


@dataclass(frozen=True)
class Section:
    """A section: its title, what its template uses, and what stands at the top of the report.

    warnings: words in capitals before the title, such as `detected.warnings` returns them.
    sources: the files that hold its numbers.
    """

    title: str
    values: dict[str, object]
    sources: list[str]
    warnings: str = ""
    answers: list[Answer] = field(default_factory=list)
