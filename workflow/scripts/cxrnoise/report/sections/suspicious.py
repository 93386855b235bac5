"""Section of the report: the most suspicious labels, as pictures."""

from dataclasses import dataclass

import pandas as pd
import pyarrow.parquet as pq

from cxrnoise.core import manifests
from cxrnoise.images.shards import Reader
from cxrnoise.report import audit, audited, detected, pictures, privacy
from cxrnoise.report.pictures import Picture
from cxrnoise.report.sections.audit import drawn
from cxrnoise.report.sections.section import Answer, Files, Section, Study

UNREAD = (
    "Nobody has read any of these labels yet: only the model suspects them, and its probabilities "
    "are not calibrated. No label is ever changed because of what a model says."
)
QUESTION = "Which labels are suspicious?"
VERDICTS = {
    "": audit.NOT_READ,
    "wrong": "the given label is wrong",
    "right": "the given label is right",
    "not sure": "not sure",
}


@dataclass(frozen=True)
class Suspicious:
    """A suspicious label as it is shown: a picture, and facts about it by name."""

    pictures: list[Picture]
    label: str
    facts: dict[str, str]


def section(files: Files, study: Study) -> Section:
    """Return the section.

    Files: ranking (the manifest `calibrated` or, where nobody has read, `ranking`), readings (the
    manifest `audit_readings`, or none) and shards (or none, for a table without pictures).
    """
    kind = "calibrated" if files["readings"] else "ranking"
    ranking = manifests.read(files["ranking"], kind, first=study.first)
    named = ranking.assign(called=study.names.images(ranking["image"]))
    simulated = bool(files["readings"]) and audited.simulated(
        manifests.read(files["readings"], "audit_readings", columns=["source"])
    )
    shards = Reader(files["shards"]) if files["shards"] else None
    classes = ranking.attrs["classes"]
    said = [*(audited.ranking(ranking) if files["readings"] else [UNREAD])]
    return Section(
        title=f"The first {len(ranking)} suspicious labels",
        values={
            "sentences": [*said, *privacy.about(study.names, pictures=shards is not None)],
            "labels": _shown(named, classes, shards) if shards else [],
            "table": None if shards else audit.ranked(named.assign(image=named["called"]), classes),
        },
        sources=[files["ranking"]],
        warnings=detected.warnings(drawn(study), simulated),
        answers=[] if files["readings"] else [Answer(QUESTION, _unread(files["ranking"], ranking))],
    )


def _unread(path: str, first: pd.DataFrame) -> str:
    """Say how many labels are ranked, and that people have to read."""
    number = pq.read_metadata(path).num_rows
    return (
        f"All {number:,} labels are ranked, and the first {len(first)} are shown. Nobody has read "
        "them yet: how many are wrong is known once people have read the sample."
    )


def _shown(ranking: pd.DataFrame, classes: list[str], shards: Reader) -> list[Suspicious]:
    """Return labels of the ranking with their pictures."""
    words = dict(enumerate(classes))
    addresses = pictures.addresses(ranking["image"], shards)
    found = []
    for row in ranking.to_dict("records"):
        given, suggested = words[row["given_label"]], words[row["suggested"]]
        described = (
            f"Radiograph {row['called']}, rank {row['rank']}: {row['label']} is given as {given}, "
            f"the model suggests {suggested}"
        )
        facts = {"Given label": given, "Suggestion": suggested}
        facts["Probably wrong"] = _probability(row)
        facts["Readers"] = VERDICTS[row.get("verdict", "")]
        facts["Image"] = row["called"]
        picture = Picture(addresses[row["image"]], described)
        found.append(Suspicious([picture], row["label"], facts))
    return found


def _probability(row: dict) -> str:
    if "calibrated" in row:
        return f"{row['calibrated']:.3f}, calibrated"
    return f"{row['probability']:.3f}, not calibrated"
