"""Noise that depends on the class, such as missed findings that outnumber false alarms.

`class_rates` in the configuration gives each class a rate, as a multiple of the noise level, or a
rate for each direction; a class that is not named is never flipped:

    class_rates: {present: 1, absent: 0.1}              # 8 % noise: 8 % of the present, 0.8 % ...
    class_rates: {cat: {dog: 1, deer: 0.5}, dog: 1}     # dogs are flipped to any other class
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.tasks.columns import listed


def probability(labels: pd.DataFrame, level: float, options: Mapping) -> np.ndarray:
    """Return the level times the rate of each label's class."""
    rates = _rates(options).sum(axis=1) * level / 100
    if rates.max() > 1:
        worst = int(rates.argmax())
        raise UserError(
            f"tasks.{options['name']}.class_rates and the noise level {level:g} would flip "
            f"{100 * rates[worst]:g} % of the class {options['classes'][worst]}: lower one of them."
        )
    return rates[labels["reported_label"]]


def towards(options: Mapping) -> np.ndarray:
    """Return the share of each class (column) in the flips of each class (row)."""
    rates = _rates(options)
    sums = rates.sum(axis=1, keepdims=True)
    return np.divide(rates, sums, out=np.zeros_like(rates), where=sums > 0)


def key(labels: pd.DataFrame) -> pd.Series:
    """Each image has a draw of its own."""
    return labels["image"]


def _rates(options: Mapping) -> np.ndarray:
    """Return the rate from each class (row) to each other class (column)."""
    classes = options["classes"]
    rates = np.zeros((len(classes), len(classes)))
    for name, rate in options["class_rates"].items():
        row = _place(name, options)
        if isinstance(rate, Mapping):
            for other, part in rate.items():
                rates[row, _place(other, options)] = part
        else:
            rates[row] = rate / (len(classes) - 1)
    np.fill_diagonal(rates, 0)
    return rates


def _place(name: object, options: Mapping) -> int:
    if str(name) not in options["classes"]:
        raise UserError(
            f"tasks.{options['name']}.class_rates names the class {name}: the classes are "
            f"{listed(options['classes'])}."
        )
    return options["classes"].index(str(name))
