"""The configuration is refused with one sentence that names the key, before any job starts."""

import re
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core import settings
from cxrnoise.core.errors import UserError

ROOT = Path(__file__).parents[2]
SCHEMA_PATH = ROOT / "workflow/schemas/config.schema.yaml"
SCHEMA = settings.load_schema(SCHEMA_PATH)
PAPER = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))


def merged(config: dict, changes: dict) -> dict:
    """Overlay `changes` key by key, as Snakemake does."""
    result = deepcopy(config)
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if both else value
    return result


def configuration(name: str) -> dict:
    return merged(PAPER, yaml.safe_load((ROOT / f"config/{name}").read_text(encoding="utf-8")))


def sentence(changes: str, config: dict = PAPER) -> str:
    """The sentence with which `config`, changed by the YAML text `changes`, is refused."""
    with pytest.raises(UserError) as caught:
        settings.validate(merged(config, yaml.safe_load(changes)), SCHEMA_PATH)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def value_of(config: dict, key: str) -> object:
    for name in key.split("."):
        config = config[name]
    return config


def keys_of(config: dict, prefix: str = "") -> list[str]:
    return [
        key
        for name, value in config.items()
        for key in (
            keys_of(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]
        )
    ]


# Nine lists of ten times the list before, a thousand million items if they were written out.
ALIASES = "a0: &a0 [x]\n" + "".join(
    f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]\n" for number in range(1, 10)
)


@pytest.mark.parametrize("name", ["config.yaml", "demo.yaml", "real-sample.yaml"])
def test_the_configurations_that_come_with_the_workflow_are_valid(name):
    settings.validate(configuration(name), SCHEMA_PATH)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ("noise_level: [0]", ["noise_level:", "noise_levels"]),
        ("shards: {sise: 240}", ["shards.sise", "size"]),
        ("crop: 144", ["crop", "crop in the group situs"]),
        ("batch_size: 8", ["in the group training", "in the group uncertainty"]),
        ("colour: red", ["colour", "config/README.md"]),
        ("1: 2", ["no key 1"]),
        (ALIASES, ["no key a0"]),
    ],
)
def test_an_unknown_key_is_named_with_the_key_that_may_be_meant(changes, parts):
    assert all(part in sentence(changes) for part in parts)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ("noise_levels: 8", ["noise_levels", "8", "a list"]),
        ("noise_levels: [eight]", ["noise_levels", "the text 'eight'", "a number"]),
        ("noise_levels: ['[']", ["noise_levels", "the text '['", "a number"]),
        ("seeds: [0.0]", ["seeds", "0.0", "a whole number"]),
        ("training: {epochs: true}", ["training.epochs", "true", "a whole number"]),
        ("training: {batch_size: 16.0}", ["training.batch_size", "16.0", "a whole number"]),
        ("training: {learning_rate: 1e-3}", ["training.learning_rate", "'1e-3'", "a number"]),
        ("training: {learning_rate: .nan}", ["training.learning_rate", "NaN", "a number"]),
        ("network: {xla: maybe}", ["network.xla", "the text 'maybe'", "true or false"]),
        ("network: small", ["network", "the text 'small'", "a group of keys"]),
        ("shards:", ["shards", "empty", "a group of keys"]),
        ("weights:", ["weights", "empty", "a text"]),
        ("noise_levels: &a [*a]", ["noise_levels holds [[", "a number"]),
    ],
)
def test_a_wrong_type_is_named_with_its_key_and_value(changes, parts):
    assert all(part in sentence(changes) for part in parts)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ("noise_levels: [0, 64]", ["noise_levels holds 64", "at most 50"]),
        ("noise_levels: [-1]", ["noise_levels holds -1", "at least 0"]),
        ("noise_levels: []", ["noise_levels is empty"]),
        ("noise_levels: [8, 8]", ["noise_levels is [8, 8]", "once"]),
        ("noise_levels: [8, 8.0]", ["noise_levels is [8, 8.0]", "once"]),
        ("noise_levels: [8, '8']", ["noise_levels is [8, 8]", "once"]),
        ("seeds: [4294967296]", ["seeds holds 4294967296", "at most 4294967295"]),
        ("seeds: [1, 1]", ["seeds is [1, 1]", "once"]),
        ("images: ''", ["images is empty"]),
        ("finding: Mass/Nodule", ["finding", "'Mass/Nodule'", "a letter and up to 99"]),
        (f"finding: {'x' * 101}", ["finding", "a letter and up to 99"]),
        ("training: {momentum: 1}", ["training.momentum is 1", "less than 1"]),
        ("training: {learning_rate: 0}", ["training.learning_rate is 0", "more than 0"]),
        ("measures: {groups: thirds}", ["measures.groups", "'thirds'", "test-quantiles"]),
        ("situs: {noisy_splits: [tset]}", ["situs.noisy_splits holds", "'tset'", "train"]),
    ],
)
def test_a_value_out_of_range_is_named_with_its_key_and_its_bound(changes, parts):
    assert all(part in sentence(changes) for part in parts)


def test_numbers_that_the_command_line_gives_as_texts_become_numbers():
    changes = {"noise_levels": ["0", "0.5"], "seeds": ["3"], "network": {"xla": "true"}}
    config = merged(PAPER, changes)
    settings.validate(config, SCHEMA_PATH)
    expected = {"noise_levels": [0, 0.5], "seeds": [3], "network": {"xla": True}}
    assert config == merged(PAPER, expected)


def test_a_missing_key_is_named():
    config = deepcopy(PAPER)
    del config["training"]["epochs"]
    with pytest.raises(UserError, match=r"lacks the key training\.epochs"):
        settings.validate(config, SCHEMA_PATH)


def test_a_crop_larger_than_the_image_is_refused():
    text = sentence("situs: {crop: 241}")
    assert all(part in text for part in ("situs.crop", "241", "shards.size", "240"))


def test_a_crop_as_large_as_the_image_is_accepted():
    settings.validate(merged(PAPER, {"situs": {"crop": 240}}), SCHEMA_PATH)


@pytest.mark.parametrize("key", settings.PATHS)
@pytest.mark.parametrize("path", ["a{seed}b", "a}b", "a\nb", "a\x1bb"])
def test_a_path_with_braces_or_control_characters_is_named(key, path):
    text = sentence(yaml.safe_dump({key: path}))
    assert f"{key} is {path!r}, but must have neither braces" in text


def test_counts_and_fractions_are_not_mixed_in_the_splits():
    text = sentence("situs: {splits: {train: 0.8}}")
    assert all(part in text for part in ("situs.splits", "val, test", "train"))


def test_fractions_that_add_up_to_more_than_one_are_refused():
    text = sentence("situs: {splits: {train: 0.8, val: 0.1, test: 0.2}}")
    assert "situs.splits" in text
    assert "1.1" in text


def test_fewer_pa_images_than_phantom_patients_are_refused():
    text = sentence("phantom: {patients: 10, pa_images: 9}", configuration("demo.yaml"))
    assert all(part in text for part in ("phantom.pa_images is 9", "phantom.patients", "10"))


def test_of_several_mistakes_one_is_told():
    text = sentence("{colour: red, training: {epochs: none}, noise_levels: [99]}")
    assert text == (
        "The configuration has no key colour: remove it, or look for its name in config/README.md."
    )


@given(st.lists(st.floats(0, 50) | st.integers(0, 50), min_size=1, unique=True))
def test_any_different_levels_from_0_to_50_percent_are_accepted(levels):
    settings.validate({**PAPER, "noise_levels": levels}, SCHEMA_PATH)


@given(st.floats().filter(lambda level: not 0 <= level <= 50))
def test_no_level_outside_0_to_50_percent_is_accepted(level):
    with pytest.raises(UserError, match="noise_levels"):
        settings.validate({**PAPER, "noise_levels": [level]}, SCHEMA_PATH)


@given(st.sampled_from([key for key, _ in settings.keys(SCHEMA)]))
def test_an_empty_value_is_refused_by_the_name_of_its_key(key):
    config = configuration("demo.yaml")
    group, _, name = key.rpartition(".")
    (value_of(config, group) if group else config)[name] = None
    with pytest.raises(UserError, match=re.escape(key)):
        settings.validate(config, SCHEMA_PATH)


def test_the_defaults_in_the_schema_are_the_values_of_the_paper():
    defaults = {key: part["default"] for key, part in settings.keys(SCHEMA) if "default" in part}
    assert defaults == {key: value_of(PAPER, key) for key in keys_of(PAPER)}


def test_the_keys_of_the_demo_and_the_paper_are_all_the_keys_there_are():
    assert set(keys_of(configuration("demo.yaml"))) == {key for key, _ in settings.keys(SCHEMA)}


def test_every_key_has_a_description_and_is_required_in_its_group():
    groups = [SCHEMA]
    for group in groups:
        groups += [part for part in group["properties"].values() if part.get("type") == "object"]
        assert set(group["properties"]) - set(group["required"]) <= {"phantom"}
        assert group["additionalProperties"] is False
    assert all(part["description"].endswith(".") for _, part in settings.keys(SCHEMA))


def test_every_key_of_the_paper_has_a_comment_above_it():
    lines = (ROOT / "config/config.yaml").read_text(encoding="utf-8").splitlines()
    names = {key.rpartition(".")[2] for key in keys_of(PAPER)} - {"train", "val", "test"}
    for above, line in zip(lines, lines[1:], strict=False):
        if line.split(":")[0].strip() in names:
            assert above.strip().startswith("#"), line


def test_the_table_in_the_readme_is_the_schema_s():
    readme = (ROOT / "config/README.md").read_text(encoding="utf-8")
    assert settings.with_table(readme, SCHEMA) == readme, "run `make docs`"
