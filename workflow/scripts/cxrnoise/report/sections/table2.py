"""Section of the report: Table 2, what readers say where the model contradicts a label."""

import pandas as pd

from cxrnoise.core import manifests
from cxrnoise.reading import sources, verdicts
from cxrnoise.report import detected, panels, saving, table2
from cxrnoise.report.sections.section import Answer, Files, Section, Study
from cxrnoise.scores.verdict import LABEL_ERROR, TRUE_ERROR
from cxrnoise.statistics.intervals import Estimate

QUESTION = "Where a confident model contradicts a label, is the label wrong?"
SHOWN = "p is the probability of the finding, C the confidence and U the uncertainty."
NO_PICTURES = "Pictures are left out of this report, so the figures of cases are not here."
NAMED = "The figures of cases are not here, because the names of their images are printed on them."
NEAREST = (
    "Training radiographs with the label, each above with its distance to the image it is like."
)


def section(files: Files, study: Study) -> Section:
    """Return the section.

    Files: table, statistics, key, readings, reads (the expert reads that cases were drawn among, or
    none), figures (three PNGs, or none), paper (or none).
    """
    config = study.config
    simulated = config["readings"] == sources.SIMULATED
    setting = table2.Setting(
        dataset=study.dataset,
        finding=config["finding"],
        seed=config["seeds"][0],
        groups=config["measures"]["groups"],
        sd_factor=config["measures"]["sd_factor"],
        confined=bool(files["reads"]) and sources.are_expert_reads(files["reads"]),
        simulated=simulated,
    )
    people = manifests.read(files["readings"], "readings")["reader"].unique()
    table, numbers = (
        read.assign(reader=study.names.readers(read["reader"], people))
        for read in map(table2.read, (files["table"], files["statistics"]))
    )
    key = manifests.read(files["key"], "key")
    paper = pd.read_csv(files["paper"]) if files["paper"] else None
    return Section(
        title=f"Table 2: {setting.finding} where the model contradicts the label",
        values=table2.values(table, numbers, key, paper, setting) | _pictures(files, study, key),
        sources=[files["table"], files["statistics"]],
        warnings=detected.warnings(study.phantom, simulated),
        answers=[Answer(QUESTION, answer(numbers, len(table) - 1))],
    )


def answer(numbers: pd.DataFrame, readers: int) -> str:
    """Say how many labels are wrong where the model is confident, and where it is not.

    Parameters
    ----------
    numbers: the table `verdicts.statistics`; readers: how many people read.
    """
    own = numbers[
        (numbers["reader"] == verdicts.MAJORITY) & (numbers["measure"] == "confidence")
    ].set_index("statistic")
    shares = own.loc[verdicts.SHARE].set_index("group")
    high, low = shares.loc["high"], shares.loc["low"]
    if not high["n"]:
        return "The readers decided no case of high confidence."
    who = "The reader says" if readers == 1 else f"The majority of {readers} readers says"
    said = f"{who} so in {_percent(high)} of the {high['n']} cases of high confidence"
    if not low["n"]:
        return f"{said}; no case of low confidence was decided."
    return (
        f"{said}, and in {_percent(low)} of the {low['n']} of low confidence. "
        f"{_trend(own.loc[verdicts.TREND])}"
    )


def _percent(row: pd.Series) -> str:
    return table2.percent(Estimate(*row[["estimate", "low", "high", "n"]]))


def _trend(row: pd.Series) -> str:
    """Say whether the share of label errors changes with the confidence."""
    if row["p"] < 0.05:
        way = "rises" if row["estimate"] > 0 else "falls"
        return f"The share {way} with the confidence ({table2.p_value(row['p'])})."
    return "Whether the share rises with the confidence is not clear."


def _pictures(files: Files, study: Study, key: pd.DataFrame) -> dict[str, object]:
    """Return what the template shows of the figures of cases."""
    if not files["figures"]:
        return {"pictures": [], "about_pictures": NAMED if study.pictures else NO_PICTURES}
    judged = verdicts.judge(key, manifests.read(files["readings"], "readings"))
    found = [panels.confident(judged, verdict) for verdict in (LABEL_ERROR, TRUE_ERROR)]
    words = [panels.in_words(panels.of_cases(cases, judged)) for cases in found]
    # the warnings stand before each caption
    titles = panels.titles(study.config["finding"], False, *map(len, found))
    return {
        "pictures": [
            {"address": saving.address(path), "title": title, "about": about, "in_words": said}
            for path, (title, about), said in zip(
                files["figures"], titles, [*words, NEAREST], strict=True
            )
        ],
        "about_pictures": SHOWN,
    }
