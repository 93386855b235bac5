"""The groups in which wrong labels are counted, from the metadata as releases spell them."""

import pandas as pd
import pytest

from cxrnoise.audit import groups
from cxrnoise.core.errors import UserError

INDEX = pd.DataFrame(
    {
        "image": ["a", "b", "c", "d", "e", "f"],
        "view": ["PA", "AP", "PA", "PA", "PA", "PA"],
        "Patient Gender": ["M", "F", "F", "", "M", "M"],
        "Patient Age": ["58", "017Y", "006M", "414", "80", ""],
        "Scanner": ["x", "x", "y", "y", "x", "x"],
        "Follow-up #": ["0"] * 6,
    }
)


def test_view_sex_and_age_are_taken_where_the_metadata_have_them():
    found = groups.groups(INDEX)
    assert list(found) == ["image", "view", "sex", "age"]
    assert found["sex"].tolist() == ["M", "F", "F", "not known", "M", "M"]
    assert found["age"].tolist() == [
        *("40-59", "0-17", "0-17", "not known", "80 and more", "not known")
    ]
    assert list(groups.groups(INDEX[["image", "view"]])) == ["image", "view"]


def test_further_columns_are_those_that_the_configuration_names():
    assert groups.groups(INDEX, ["scanner"])["scanner"].tolist() == list("xxyyxx")


def test_a_column_with_one_value_divides_nothing():
    assert "Follow-up #" not in groups.groups(INDEX, ["Follow-up #"])


def test_a_column_that_the_metadata_lack_is_refused():
    with pytest.raises(UserError, match="audit.columns is site, but the metadata has no such"):
        groups.groups(INDEX, ["site"])


def test_rare_values_are_taken_together():
    many = pd.DataFrame(
        {"image": range(60), "view": "PA", "site": [f"site {number % 30}" for number in range(60)]}
    )
    found = groups.groups(many, ["site"])["site"]
    assert found.nunique() == groups.MOST + 1
    assert (found == "other values").sum() == 20
