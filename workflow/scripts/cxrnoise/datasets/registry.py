"""The kinds of data sets that the workflow reads."""

from cxrnoise.core.registry import Registry

# Each module has `read(path) -> DataFrame` (that of `table` takes names of columns besides, see
# there): the metadata as text, a row an image, with
# the columns image, patient and view and every further column by its own name. The index is the
# number of the row as a spreadsheet shows it. `frame.attrs["classes"]` lists the columns that are
# known to be findings.
DATASETS = Registry(
    "cxrnoise.datasets.kinds", "kind of data set", "chestxray14", "table", "phantom", "padchest"
)
