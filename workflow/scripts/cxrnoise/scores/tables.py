"""The tables of scores: long, a file a score, and wide, as the paper prints them."""

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.scores.groups import groups
from cxrnoise.scores.registry import SCORES
from cxrnoise.scores.run import PARTS, Run


def scored(
    run: Run,
    name: str,
    rule: str = "test-quantiles",
    sd_factor: float = 1.0,
    validation: Run | None = None,
) -> pd.DataFrame:
    """Score every given label of a run.

    Parameters
    ----------
    run: of the test split; name: of the score, see `registry`.
    rule, sd_factor: of the groups, see `groups`. Each finding is grouped by itself.
    validation: the same run on the validation split, needed by the rule `val-quantiles`.

    Returns
    -------
    The table `scores`, in the order of `run.labels`, without the labels that nobody gave: image,
    label, score, value (suspicion), paper_value (NaN where the score is not of the paper) and
    group (of paper_value where there is one, else of value). A label that the score says nothing
    of, such as one that no network was trained on, has no value (NaN) and no group (empty).
    """
    table = _values(run, name)
    column = "value" if table["paper_value"].isna().all() else "paper_value"
    reference = None if validation is None else _values(validation, name)
    table["group"] = ""
    for label, part in table.dropna(subset=[column]).groupby("label", sort=False):
        known = None
        if reference is not None:
            known = reference.loc[reference["label"] == label, column].dropna().to_numpy()
        table.loc[part.index, "group"] = groups(
            part[column].to_numpy(), part["image"].to_numpy(), rule, known, sd_factor
        )
    return table


def _values(run: Run, name: str) -> pd.DataFrame:
    module = SCORES[name]
    for need in module.NEEDS:
        if getattr(run, need, None) is None:
            raise UserError(
                f"The score {name} needs {need}, which this run does not have: {PARTS[need]}."
            )
    suspicion = module.score(run)
    paper = module.paper(run) if hasattr(module, "paper") else np.full(suspicion.shape, np.nan)
    table = run.labels[["image", "label"]].assign(
        score=name, value=run.of_labels(suspicion), paper_value=run.of_labels(paper)
    )
    return table[run.labels["given_label"] != UNKNOWN].reset_index(drop=True)


def wide(verdicts: pd.DataFrame, **scores: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts with the value and the group of each score beside them.

    Parameters
    ----------
    verdicts: the table `verdicts`.
    scores: tables `scores` of the same run by the names that their columns get: `confidence=…`
        adds the columns `confidence` (the paper's value where there is one) and
        `confidence_group`.
    """
    table = verdicts
    for name, score in scores.items():
        shown = score["paper_value"].fillna(score["value"])
        columns = score[["image", "label"]].assign(**{name: shown, f"{name}_group": score["group"]})
        table = table.merge(columns, on=["image", "label"], how="left", validate="one_to_one")
    return table
