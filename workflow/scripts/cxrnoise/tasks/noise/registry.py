"""The noise models.

A model is a module in `tasks/noise` with two functions and its name in this list:

`probability(labels, level, options) -> float64 (n,)`: the probability that each label is
flipped, which does not fall as the level (percent) rises; so levels are nested.
`key(labels) -> Series`: what shares a draw, such as the image or the patient.

A model with a third, `towards(options) -> float64 (N, N)`, says how the flips of each class (a
row) are shared among the others; without it they are shared evenly. `labels` is the frame of a
cohort. `options` are those of the configuration, with the task's `name`, the names of its
`classes`, and for the model `instance` in `probed` the file of what a probe predicts.
"""

from cxrnoise.core.registry import Registry

MODELS = Registry(
    "cxrnoise.tasks.noise", "noise model", "symmetric", "class_conditional", "patient", "instance"
)
