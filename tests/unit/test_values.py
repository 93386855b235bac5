"""What the cells of a metadata file say."""

import logging

import pandas as pd
import pytest

from cxrnoise.core.errors import UserError
from cxrnoise.tasks import columns, values


def table(*cells):
    return pd.DataFrame({"image": [f"{n}.png" for n in range(len(cells))], "Edema": cells})


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0", "1"], [0, 1]),
        (["FALSE", "TRUE", "False", "true"], [0, 1, 0, 1]),
        (["no", "yes", "No", "YES"], [0, 1, 0, 1]),
        (["n", "y", "N", "Y"], [0, 1, 0, 1]),
        (["0.0", "1.0", "-1.0", ""], [0, 1, -1, 0]),
        ([" 1 ", "-1"], [1, -1]),
    ],
)
def test_a_cell_is_read_as_people_write_it(cells, expected):
    read = values.read(table(*cells), "Edema")
    assert read.dtype == "int8"
    assert read.tolist() == expected
    assert values.is_finding_column(table(*cells)["Edema"])


@pytest.mark.parametrize(
    ("uncertain", "empty", "expected"),
    [
        ("masked", "absent", [1, -1, 0]),
        ("absent", "masked", [1, 0, -1]),
        ("present", "masked", [1, 1, -1]),
    ],
)
def test_uncertain_and_empty_cells_mean_what_the_configuration_says(
    uncertain, empty, expected, caplog
):
    caplog.set_level(logging.INFO)
    assert values.read(table("1", "-1.0", ""), "Edema", uncertain, empty).tolist() == expected
    assert f"Edema: 1 uncertain cells are taken as {uncertain}" in caplog.text
    assert f"Edema: 1 empty cells are taken as {empty}" in caplog.text


def test_other_spellings_mean_what_the_configuration_says():
    words = {"Ja": "present", "nein": "absent", "fraglich": "masked"}
    cells = table("ja", "JA ", "Nein", "fraglich", "1", "")
    read = values.read(cells, "Edema", words=words)
    assert read.tolist() == [1, 1, 0, -1, 1, 0]
    assert values.is_finding_column(cells["Edema"], words)
    assert not values.is_finding_column(cells["Edema"])


@pytest.mark.parametrize("cell", ["2", "maybe", "0.5", "nan", "present?"])
def test_any_other_value_is_named_with_its_column_and_image(cell):
    sentence = f"column Edema of the metadata has '{cell}' for the image 2.png".replace("?", r"\?")
    with pytest.raises(UserError, match=sentence):
        values.read(table("1", "0", cell, cell), "Edema")


@pytest.mark.parametrize("cells", [["", "-1"], ["34", "1"], ["F", "M"], ["hospital A", "0"]])
def test_a_column_of_something_else_is_no_finding(cells):
    assert not values.is_finding_column(table(*cells)["Edema"])


def test_a_column_is_found_whatever_its_spelling():
    index = pd.DataFrame(columns=["image", "shard", "Pleural_Thickening", "Edema"])
    assert columns.named(index, "pleural thickening", "x") == "Pleural_Thickening"
    assert columns.slug(" Pleural Thickening ") == "pleural_thickening"
    with pytest.raises(UserError, match="x is shard, but the metadata has no such column"):
        columns.named(index, "shard", "x")
