"""The kinds of tasks.

A kind is a module in `tasks/kinds` with one function and its name in this list:

`cohort(index, options, seed) -> Cohort`: who takes part, in which split, and what is known of
each label. `index` holds a row an image with all columns of the metadata as text; `options` are
the keys of the task in the configuration, its `name`, and `uncertain`, `empty` and `words`
(see `values.read`).
"""

from cxrnoise.core.registry import Registry

KINDS = Registry(
    "cxrnoise.tasks.kinds",
    "kind of task",
    "situs",
    "finding",
    "findings",
    "classes",
    "orientation",
    "predictions",
)
