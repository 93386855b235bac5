import json

from cxrnoise.core import provenance


def test_a_description_names_packages_configuration_and_code():
    description = json.loads(provenance.describe({"seed": 3}, "abc"))
    assert description["config"] == {"seed": 3}
    assert description["code"] == "abc"
    assert "numpy" in description["packages"]
