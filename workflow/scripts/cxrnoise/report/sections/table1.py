"""Section of the report: Table 1, what wrong labels do to a network that sees mirrored images."""

import pandas as pd

from cxrnoise.report import detected, figures, saving, table1
from cxrnoise.report.sections.section import Answer, Files, Section, Study

QUESTION = "Does label noise matter?"


def section(files: Files, study: Study) -> Section:
    """Return the section.

    Files, one for each noise model of the task situs: by_seed, intervals, figures (SVG). And paper,
    the paper's table, or none.
    """
    models = study.config["tasks"]["situs"]["noise_models"]
    paper = pd.read_csv(files["paper"]) if files["paper"] else None
    tables, said = [], []
    for model, by_seed, intervals, figure in zip(
        models, files["by_seed"], files["intervals"], files["figures"], strict=True
    ):
        runs, found = pd.read_csv(by_seed), pd.read_csv(intervals)
        beside = paper if model == table1.SYMMETRIC else None
        shown = {"figure": saving.address(figure), "in_words": figures.in_words(found)}
        tables.append(table1.values(runs, found, beside, _setting(study, model)) | shown)
        said.append(answer(found, model))
    return Section(
        title="Table 1: mirrored radiographs with wrong labels",
        values={"tables": tables},
        sources=[*files["by_seed"], *files["intervals"]],
        warnings=detected.warnings(study.phantom, simulated=False),
        answers=[Answer(QUESTION, " ".join(said))],
    )


def _setting(study: Study, model: str) -> table1.Setting:
    config = study.config
    return table1.Setting(
        dataset=study.dataset,
        seeds=sorted(config["seeds"]),
        samples=config["uncertainty"]["samples"],
        batch_size=config["uncertainty"]["batch_size"],
        confidence=config["measures"]["confidence"],
        groups=config["measures"]["groups"],
        sd_factor=config["measures"]["sd_factor"],
        noise_model=model,
    )


def answer(intervals: pd.DataFrame, model: str) -> str:
    """Say how far the accuracy falls from no noise to the most, as a sentence with its interval.

    Parameters
    ----------
    intervals: the table `table1.intervals`; model: the noise model of its runs.
    """
    worst = intervals["noise_percent"].max()
    numbers = intervals.set_index(["noise_percent", "number"])
    after = numbers.loc[(worst, "accuracy_truth")]
    wrong = f"{worst:g} % of the labels wrong"
    if model != table1.SYMMETRIC:
        wrong = detected.noise_name(f"{model}-{worst:g}")
    if (worst, table1.DROP) not in numbers.index:
        other = "without noise" if worst > 0 else "with wrong labels"
        return (
            f"With {wrong} the accuracy against the truth is {_number(after)}; there is no run "
            f"{other} to compare it with."
        )
    before, fall = numbers.loc[(0, "accuracy_truth")], numbers.loc[(worst, table1.DROP)]
    if fall["low"] > 0:
        change = f"Yes: with {wrong} the accuracy against the truth falls by {_number(fall)}"
    else:
        clear = "No" if fall["high"] < 0 else "Not clearly"
        change = f"{clear}: with {wrong} the accuracy against the truth changes by {_change(fall)}"
    return f"{change}, from {_number(before)} to {_number(after)}."


def _number(row: pd.Series) -> str:
    return detected.with_interval(detected.Number(row["value"], row["low"], row["high"]))


def _change(fall: pd.Series) -> str:
    change = detected.Number(*(0 - fall[name] for name in ("value", "high", "low")))
    return detected.with_interval(change, signed=True)
