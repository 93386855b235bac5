"""Section of the report: Table 1, what wrong labels do to a network that sees mirrored images."""

import pandas as pd

from cxrnoise.report import detected, table1
from cxrnoise.report.sections.section import Answer, Files, Section, Study

QUESTION = "Does label noise matter?"


def section(files: Files, study: Study) -> Section:
    """Return the section. Files: by_seed, intervals, figure (SVG), paper (or none)."""
    config = study.config
    setting = table1.Setting(
        dataset=study.dataset,
        seeds=sorted(config["seeds"]),
        samples=config["uncertainty"]["samples"],
        batch_size=config["uncertainty"]["batch_size"],
        confidence=config["measures"]["confidence"],
        groups=config["measures"]["groups"],
        sd_factor=config["measures"]["sd_factor"],
    )
    runs, intervals = pd.read_csv(files["by_seed"]), pd.read_csv(files["intervals"])
    paper = pd.read_csv(files["paper"]) if files["paper"] else None
    return Section(
        title="Table 1: mirrored radiographs with wrong labels",
        values=table1.values(runs, intervals, paper, setting),
        sources=[files["by_seed"], files["intervals"]],
        warnings=detected.warnings(study.phantom, simulated=False),
        answers=[Answer(QUESTION, _answer(intervals))],
    )


def _answer(intervals: pd.DataFrame) -> str:
    """Say how far the accuracy falls from no noise to the most."""
    numbers = intervals.set_index(["noise_percent", "number"])
    worst = intervals["noise_percent"].max()
    before, after = (numbers.loc[(level, "accuracy_truth")] for level in (0, worst))
    fall = numbers.loc[(worst, table1.DROP)]
    return (
        f"With {worst:g} % of the labels wrong, the accuracy against the truth falls from "
        f"{before['value']:.3f} to {after['value']:.3f}, by {fall['value']:.3f} "
        f"[{fall['low']:.3f} to {fall['high']:.3f}]."
    )
