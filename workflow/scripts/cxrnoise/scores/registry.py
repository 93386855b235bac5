"""The scores by name.

A score is a module of this package with
- `NEEDS`: the parts of a `Run` that it needs and that a run may lack (`run.PARTS`), such as
  `("samples",)`;
- `score(run)`: the suspicion, float64 (n,) or, for several findings, (n, K): the higher the value,
  the more likely the given label is wrong;
- `paper(run)`, optional: the number that the paper prints, in the same shape.

Its docstring states the range, the direction, and what the score is a monotone function of.
"""

from cxrnoise.core.registry import Registry

SCORES = Registry(
    "cxrnoise.scores",
    "score",
    "confidence",
    "uncertainty",
    "product",
    "self_confidence",
    "margin",
    "entropy",
    "mc_mean",
    "predictive_entropy",
    "mutual_information",
    "members_mean",
    "members_disagreement",
    "members_information",
    "augmented",
    "dropout",
    "training_margin",
    "training_probability",
    "forgetting",
    "neighbours",
    "cleanlab_self_confidence",
    "cleanlab_normalized_margin",
    "cleanlab_confidence_weighted_entropy",
    "cleanlab_issues",
)
