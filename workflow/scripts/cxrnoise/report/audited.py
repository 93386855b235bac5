"""What an audit found, in words: how many labels are wrong, by whose verdict, and what follows."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cxrnoise.audit.counts import ALL, ANY, DIFFERENCE, STRATIFIED
from cxrnoise.audit.impact import EVALUATION, MEAN, RETRAINING
from cxrnoise.audit.sample import FIRST, SUSPICIOUS
from cxrnoise.core import manifests
from cxrnoise.core.spreadsheets import unescaped
from cxrnoise.reading.sources import SIMULATED
from cxrnoise.report import detected
from cxrnoise.report.detected import Number, with_interval
from cxrnoise.tasks import values

SHOWN = 50  # labels of the ranking
TEXT = ["label", "direction", "method", "by", "value", "statistic", "reader", "image", "given"]
TEXT += ["corrected", "comparison", "measure", "how"]
INTERVAL = (
    "A 95 % interval stands in brackets: if such samples were drawn and read many times, about 95 "
    "of 100 intervals would hold the number that the same readers would find in all images."
)


@dataclass(frozen=True)
class Audit:
    """What was read of a task, and the tables that follow.

    counts, agreement, first, corrections, impact: as `read` returns the CSV files of these names.
    ranking: the manifest `calibrated`, by rank, its first `SHOWN` rows. classes: of its values.
    sample, verdicts, readings: the manifests `sample`, `audit_verdicts` and `audit_readings`.
    rule: `majority` or `unanimous`. phantom: whether the images are phantoms.
    folder: where the files of the audit are. figure: the SVG file of the impact, and its path.
    """

    task: str
    dataset: str
    counts: pd.DataFrame
    agreement: pd.DataFrame
    first: pd.DataFrame
    corrections: pd.DataFrame
    impact: pd.DataFrame
    ranking: pd.DataFrame
    classes: list[str]
    sample: pd.DataFrame
    verdicts: pd.DataFrame
    readings: pd.DataFrame
    rule: str
    phantom: bool
    folder: str
    figure: bytes
    figure_path: str

    @property
    def simulated(self) -> bool:
        """Whether the readers are a program."""
        return simulated(self.readings)

    @property
    def warnings(self) -> str:
        """Words in capitals that stand before the title of what is no finding about patients."""
        return detected.warnings(self.phantom, self.simulated)

    @property
    def readers(self) -> int:
        """How many readers there are; 0 where a file holds verdicts and names nobody."""
        names = self.readings["reader"]
        return names[names != ""].nunique()

    @property
    def single(self) -> bool:
        """Whether no label has more than one reader."""
        return self.readers > 0 and self.verdicts["readers"].max() == 1

    @property
    def findings(self) -> bool:
        """Whether labels are findings that are present or absent, not one of several classes."""
        return self.classes == values.CLASSES

    @property
    def whole(self) -> pd.DataFrame:
        """The counts of the whole archive."""
        return self.counts[self.counts["by"] == ""]

    @property
    def total(self) -> pd.Series:
        """The count of all labels."""
        rows = self.whole[(self.whole["label"] == ALL) & (self.whole["direction"] == ANY)]
        return rows[rows["method"] == DIFFERENCE].iloc[0]

    @property
    def drawn(self) -> pd.DataFrame:
        """The images of the sample, without those that are in no count."""
        return self.sample[self.sample["role"] != SUSPICIOUS]

    def read_of(self, sample: pd.DataFrame) -> int:
        """Return how many images of a part of the sample were read."""
        return int(sample["image"].isin(self.verdicts["image"]).sum())


def load(files: Mapping[str, str], *, task: str, dataset: str, rule: str, phantom: bool) -> Audit:
    """Return what the files of an audit hold.

    Parameters
    ----------
    files: by name: counts, agreement, ranking, first, corrections, impact, figure, sample,
        readings, verdicts. task, dataset, rule, phantom: as in `Audit`.
    """
    tables = ("counts", "agreement", "first", "corrections", "impact")
    ranking = manifests.read(files["ranking"], "calibrated", first=SHOWN)
    return Audit(
        task=task,
        dataset=dataset,
        **{name: read(files[name]) for name in tables},
        ranking=ranking,
        classes=ranking.attrs["classes"],
        sample=manifests.read(files["sample"], "sample"),
        verdicts=manifests.read(files["verdicts"], "audit_verdicts"),
        readings=manifests.read(files["readings"], "audit_readings"),
        rule=rule,
        phantom=phantom,
        folder=str(Path(files["counts"]).parent),
        figure=Path(files["figure"]).read_bytes(),
        figure_path=files["figure"],
    )


def simulated(readings: pd.DataFrame) -> bool:
    """Whether the readers are a program; readings: the manifest `audit_readings`."""
    return bool((readings["source"] == SIMULATED).any())


def read(path: str | Path) -> pd.DataFrame:
    """Return a CSV file of the audit: the columns of `TEXT` as text, the others as numbers."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return pd.DataFrame(
        {
            name: column.map(unescaped) if name in TEXT else pd.to_numeric(column)
            for name, column in table.items()
        }
    )


def whole(value: float) -> str:
    """Return a number of labels without decimals; a missing one is a dash."""
    return "–" if math.isnan(value) else f"{value:,.0f}"


def percent(share: float) -> str:
    """Return a share in percent without its sign, small ones with one more decimal."""
    if math.isnan(share):
        return "–"
    return f"{100 * share:.{1 if share >= 0.01 or share == 0 else 2}f}"


def labels_of(row: pd.Series) -> str:
    """Return the number of wrong labels with its interval, of how many."""
    interval = f"{whole(row['wrong_low'])} to {whole(row['wrong_high'])}"
    return f"{whole(row['wrong'])} [{interval}] of {whole(row['labels'])} labels"


def share_of(row: pd.Series) -> str:
    """Return the share of wrong labels with its interval, in percent."""
    low, high = percent(row["share_low"]), percent(row["share_high"])
    return f"{percent(row['share'])} % [{low} % to {high} %]"


def of(number: float, noun: str) -> str:
    """Return a number with its noun, such as `1 image` or `1,200 images`."""
    return f"{number:,.0f} {noun}{'' if number == 1 else 's'}"


def short(audit: Audit) -> Iterator[str]:
    """Say how many labels are wrong, what this rests on, and whose verdict it is."""
    if audit.phantom or audit.simulated:
        yield f"This is a test of the method and says nothing about patients: {_not_real(audit)}."
    yield number_wrong(audit)
    yield from _rests_on(audit)
    yield verdict(audit)
    yield from _undecided(audit.total)
    yield INTERVAL


def number_wrong(audit: Audit) -> str:
    """Say how many labels are wrong."""
    wrong = "contradict a reader" if audit.single else "are wrong"
    return f"About {labels_of(audit.total)} {wrong}: {share_of(audit.total)}."


def _not_real(audit: Audit) -> str:
    said = ["the images are drawn"] if audit.phantom else []
    said += ["the readers are a program"] if audit.simulated else []
    return " and ".join(said)


def _rests_on(audit: Audit) -> Iterator[str]:
    drawn, total = audit.drawn, audit.total
    images = audit.read_of(drawn)
    wrong = f"{_are(total['found'])} wrong"
    if audit.single:
        wrong = f"contradict{'s' if total['found'] == 1 else ''} the reader"
    how = "drawn at random"
    if (drawn["role"] == FIRST).any():
        how += ", or as the most suspicious ones,"
    yield (
        f"This rests on {of(total['read'], 'label')} of {of(images, 'image')} that were {how} and "
        f"read; {whole(total['found'])} of these labels {wrong}."
    )
    if images < len(drawn):
        yield (
            f"{of(len(drawn) - images, 'image')} of the sample {_are(len(drawn) - images)} not "
            "read yet; the count takes those that were read for a random part of it."
        )


def _are(number: float) -> str:
    return "is" if number == 1 else "are"


def verdict(audit: Audit) -> str:
    """Say who decides which labels are wrong."""
    if audit.readers == 0:
        return "What is true is the verdict in the file of readings, which names no readers."
    if audit.single:
        who = "One reader read each label" if audit.readers > 1 else "There is one reader"
        return (
            f"{who}, so this is disagreement with this reader, and “wrong” on this page means no "
            "more: where the reader errs, a right label is counted as well."
        )
    fewest, most = audit.verdicts["readers"].min(), audit.verdicts["readers"].max()
    many = f"{most}" if fewest == most else f"{fewest} to {most}"
    if audit.rule == "unanimous":
        return f"A label counts where all of its {many} readers say the same."
    return f"What is true is the majority of {many} readers of each label."


def _undecided(total: pd.Series) -> Iterator[str]:
    if total["unsure"] > 0:
        yield (
            f"On {of(total['unsure'], 'label')} the readers were not sure or did not agree; these "
            "are left out. If they were all right, the interval would begin at "
            f"{whole(total['wrong_if_unsure_right_low'])}; if they were all wrong, it would end at "
            f"{whole(total['wrong_if_unsure_wrong_high'])}."
        )


def count(audit: Audit) -> Iterator[str]:
    """Say which methods count, and where most wrong labels are."""
    one = "finding" if audit.findings else "class"
    yield (
        f"The rule was fixed before anybody read: the number of all labels is the difference "
        f"estimate, that of one {one} is the stratified estimate. The other estimate of each "
        "stands there to compare, not to choose from."
    )
    named = audit.whole[(audit.whole["label"] != ALL) & (audit.whole["direction"] == ANY)]
    named = named[(named["method"] == STRATIFIED) & (named["wrong"] > 0)]
    if len(named) > 1:
        most = named.loc[named["wrong"].idxmax()]
        yield f"The {one} with the most is {most['label']}: about {labels_of(most)}."


def agreement(audit: Audit) -> Iterator[str]:
    """Say what the statistics of agreement mean, or why there are none."""
    if audit.agreement.empty:
        yield (
            "It is not known: nobody read a label that another reader read too, and no case was "
            "read twice."
        )
        return
    yield (
        "Kappa and AC1 are 1 where readers always agree, and 0 where they agree as often as by "
        "chance. Where nearly all answers are the same, kappa can be low although the readers "
        "agree; AC1 suffers less from this. “Not sure” is an answer like the others."
    )
    if audit.single:
        yield "With one reader a label, nobody says how far another reader would agree."


def first(audit: Audit) -> Iterator[str]:
    """Say what the numbers among the first k are."""
    yield (
        "The labels are ranked by the probability that they are wrong. This probability is "
        "calibrated: it was learnt from what the readers said of the sample. The intervals are "
        "prediction intervals for this archive; labels that were read count as known."
    )
    yield from first_hundred(audit)
    yield (
        "The last row, of all labels, rests on this calibration alone; the number to quote is that "
        "of the count above."
    )


def first_hundred(audit: Audit) -> Iterator[str]:
    """Say how many of the first 100 labels are wrong, where there are so many."""
    for row in audit.first[audit.first["k"] == 100].to_dict("records"):
        yield (
            f"Among the first 100 labels expect {whole(row['wrong'])} [{whole(row['low'])} to "
            f"{whole(row['high'])}] wrong ones."
        )


def ranking(table: pd.DataFrame) -> Iterator[str]:
    """Say what the first labels of the ranking are, and are not; table: these labels."""
    unread = int((table["verdict"] == "").sum())
    if unread:
        yield (
            f"Nobody has read {unread} of these {len(table)} labels: only the model suspects them."
        )
    yield "No label is ever changed because of what a model says."
    yield (
        "The calibrated probability of a label that was read was learnt from other patients, so a "
        "label that readers found right can stand here. All labels are in ranking.csv."
    )


def corrections(audit: Audit) -> Iterator[str]:
    """Say how many labels were overturned, and where they are."""
    table = audit.corrections
    path = f"{audit.folder}/corrections.csv"
    if table.empty:
        yield "The readers overturned no label."
        return
    yield (
        f"The readers overturned {of(len(table), 'label')} of "
        f"{of(table['image'].nunique(), 'image')}. They are in {path}, with the votes; "
        f"{audit.folder}/corrected-labels.csv is the whole table of labels with these corrections, "
        "for other programs."
    )
    outside = int((~table["image"].isin(audit.drawn["image"])).sum())
    if outside:
        yield (
            f"{of(outside, 'overturned label')} {_are(outside)} of images outside the sample, and "
            "in no count."
        )
    if audit.single:
        yield (
            "Each rests on one reader alone: let a second one look before labels are changed for "
            "good."
        )


def impact(audit: Audit) -> Iterator[str]:
    """Say how the measured performance shifts, and how to see what training changes."""
    yield from shift(audit)
    yield "Sensitivity and specificity use the same threshold before and after."
    if impact_rows(audit, RETRAINING).empty:
        yield (
            "To see what training on corrected labels changes, set the key corrections to "
            f"{audit.folder}/corrections.csv and make the audit again (where this workflow trains "
            "the network)."
        )
    yield f"All rows are in {audit.folder}/impact.csv; the figure is {audit.figure_path}."


def shift(audit: Audit) -> Iterator[str]:
    """Say how the AUC of the same predictions shifts: its mean, or that of the only label."""
    rows = impact_rows(audit, EVALUATION)
    rows = rows[(rows["measure"] == "auc") & rows["before"].notna()]
    if len(rows) == 1:
        [row] = rows.to_dict("records")
        auc = "mean AUC" if row["label"] == MEAN else f"AUC of {row['label']}"
        before, after, moved = (side(row, name) for name in ("before", "after", "difference"))
        yield (
            f"On the images that were read, the {auc} of the same predictions is "
            f"{with_interval(before)} by the given labels and {with_interval(after)} by the "
            f"readers; the difference is {with_interval(moved, signed=True)}."
        )


def impact_rows(audit: Audit, comparison: str) -> pd.DataFrame:
    """Return the mean rows of a comparison, or all of its rows where there is no mean."""
    rows = audit.impact[audit.impact["comparison"] == comparison]
    means = rows[rows["label"] == MEAN]
    return rows if means["before"].isna().all() else means


def side(row: dict, name: str) -> Number:
    """Return `before`, `after` or `difference` of a row of the impact."""
    return Number(row[name], row[f"{name}_low"], row[f"{name}_high"])


def images(audit: Audit) -> Iterator[str]:
    """Say how many images were read, and which of them are in no count."""
    sample = audit.sample
    yield (
        f"The sample holds {of(len(audit.drawn), 'image')}, of which "
        f"{audit.read_of(audit.drawn):,} were read."
    )
    first_ones = sample[sample["role"] == FIRST]
    if len(first_ones):
        yield (
            f"{of(len(first_ones), 'image')} of these are the most suspicious ones, a part of the "
            "archive that is read whole and counts for itself alone."
        )
    suspicious = sample[sample["role"] == SUSPICIOUS]
    if len(suspicious):
        yield (
            "Besides the sample, the most suspicious images were drawn to mend labels: "
            f"{len(suspicious):,}, of which {audit.read_of(suspicious):,} were read. They are in "
            "no count, because suspicious images have more wrong labels than others."
        )
    else:
        yield "No images were drawn besides for being suspicious."
