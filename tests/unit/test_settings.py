"""The configuration is refused with one sentence that names the key, before any job starts."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from snakemake.cli import parse_config
from snakemake.utils import update_config

from cxrnoise.core import settings
from cxrnoise.core.errors import UserError
from cxrnoise.core.settings.models import KINDS, RESERVED
from cxrnoise.core.settings.table import keys, with_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "config/README.md").read_text(encoding="utf-8")
OWN_DATA = (ROOT / "docs/own-data.md").read_text(encoding="utf-8")


def file(name: str) -> dict:
    return yaml.safe_load((ROOT / f"config/{name}").read_text(encoding="utf-8"))


def changed(*changes: str | dict) -> dict:
    """config.yaml, changed as Snakemake does it with `--configfile` or `--config`."""
    config = file("config.yaml")
    for change in changes:
        update_config(config, yaml.safe_load(change) if isinstance(change, str) else change)
    return config


def validated(*changes: str | dict) -> dict:
    return settings.validate(changed(*changes)).model_dump()


def sentence(*changes: str | dict) -> str:
    """The sentence with which the changed configuration is refused."""
    with pytest.raises(UserError) as caught:
        settings.validate(changed(*changes))
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def value_of(config: dict, key: str) -> object:
    for name in key.split("."):
        config = config[name]
    return config


def keys_of(config: dict, prefix: str = "") -> list[str]:
    found = []
    for name, value in config.items():
        is_group = isinstance(value, dict) and value
        found += keys_of(value, f"{prefix}{name}.") if is_group else [prefix + name]
    return found


# Nine lists of ten times the list before, a thousand million items if they were written out.
ALIASES = "a0: &a0 [x]\n" + "".join(
    f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]\n" for number in range(1, 10)
)
MINE = "tasks: {mine: {kind: %s}}"


# What comes with the workflow


@pytest.mark.parametrize("name", ["config.yaml", "demo.yaml", "real-sample.yaml"])
def test_the_configurations_that_come_with_the_workflow_are_valid(name):
    validated(file(name))


def test_the_defaults_are_the_values_of_config_yaml():
    assert settings.validate({}) == settings.validate(file("config.yaml"))


def test_config_yaml_has_every_key_of_its_kinds_of_tasks():
    named = {re.sub(r"^tasks\.\w+", "tasks.NAME", key) for key in keys_of(file("config.yaml"))}
    known = {row.name for row in keys() if {"", "situs", "finding"} & set(row.defaults)}
    missing = {
        key
        for key in known - named
        if not key.startswith(("phantom.", "tasks.NAME.training.", "detection."))
        and key not in ("dataset.name", "tasks.NAME.crop")
    }
    assert not missing
    # none, for situs; and without an entry
    assert named - known == {"tasks.NAME.augmentation", "detection"}


def test_the_phantoms_that_are_the_default_are_those_of_the_demo():
    assert validated()["phantom"] == file("demo.yaml")["phantom"]


def test_every_key_of_config_yaml_has_a_comment_above_it():
    lines = (ROOT / "config/config.yaml").read_text(encoding="utf-8").splitlines()
    names = {key.rpartition(".")[2] for key in keys_of(file("config.yaml"))}
    for above, line in zip(lines, lines[1:], strict=False):
        if line.split(":")[0].strip() in names - {"train", "val", "test"}:
            in_group = above.strip() == "dataset:"
            assert above.strip().startswith("#") or in_group, line


def test_the_demo_has_the_numbers_that_it_always_had():
    demo = validated(file("demo.yaml"))
    situs, emphysema = demo["tasks"]["situs"], demo["tasks"]["emphysema"]
    assert demo["shards"] == {"size": 100, "resampling": "lanczos", "number": 4}
    assert situs["splits"] == {"train": 8000, "val": 500, "test": 800}
    assert (situs["crop"], emphysema["crop"]) == (60, 84)
    assert situs["noise_levels"] == [0, 1, 2, 4, 8, 16, 32]
    assert (situs["training"]["epochs"], emphysema["training"]["epochs"]) == (4, 2)
    for task in (situs, emphysema):
        assert task["training"]["learning_rate"] == 0.01
        assert task["training"]["batch_norm_decay"] == 0.99
        assert task["training"]["validate_every_steps"] == 100
    assert emphysema["training"]["stop_below"] == 0.000001


def test_every_value_that_the_paper_states_is_found_by_its_key():
    stated = settings.stated(validated(), ROOT / "config/paper-numbers.csv")
    assert stated["config:tasks.situs.crop"] == 144
    assert stated["config:tasks.emphysema.augmentation.rotation"] == 7
    assert len(stated) == 14


def test_the_tables_in_the_readme_are_those_of_the_models():
    assert with_table(README) == README, "run `make docs`"


def test_every_key_has_a_description():
    for row in keys():
        assert all(text and text.endswith(".") for text in row.descriptions.values()), row.name


def test_the_commands_in_the_readme_are_valid():
    commands = re.findall(r"--config (.+?) -- ", README)
    assert len(commands) == 5
    for command in commands:
        validated(parse_config(shlex.split(command)))
    for example in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL):
        validated(example)


def test_the_examples_of_own_data_are_valid():
    examples = re.findall(r"```yaml\n(.*?)```", OWN_DATA, re.DOTALL)
    assert len(examples) == 6
    one, splits, german, several, classes, predictions = examples
    mine = validated(one, splits)
    assert mine["tasks"]["label"]["splits"] == {"train": 0.5, "val": 0.1, "test": 0.4}
    assert mine["tasks"]["label"]["positives"] == {"train": 0.5, "val": 0.1, "test": 0.4}
    assert validated(one, german)["table"]["words"]["unklar"] == "masked"
    assert validated(several)["tasks"]["four"]["kind"] == "findings"
    assert validated(classes)["tasks"]["diagnosis"]["noise_levels"] == [0, 8]
    assert validated(predictions)["tasks"]["animals"]["noise_levels"] == [0]


def test_reading_and_checking_the_configuration_takes_less_than_0_3_s():
    code = (
        "import pydantic, time; start = time.process_time(); from cxrnoise.core import settings; "
        "settings.validate({}); print(time.process_time() - start)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "workflow/scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(run.stdout) < 0.3


def test_the_plain_dictionary_says_the_same_again():
    for name in ("config.yaml", "demo.yaml", "real-sample.yaml"):
        made = settings.validate(changed(file(name)))
        assert settings.validate(made.model_dump()) == made


def test_the_configuration_that_is_checked_is_not_changed():
    config = changed("{finding: Mass, results: out/, seeds: ['3']}")
    settings.validate(config)
    assert config == changed("{finding: Mass, results: out/, seeds: ['3']}")


# Tasks


def test_a_finding_has_a_task_like_emphysema():
    for demo in ({}, file("demo.yaml"), file("real-sample.yaml")):
        tasks = validated(demo, "finding: Pleural Thickening")["tasks"]
        like = {**tasks["emphysema"], "finding": "Pleural Thickening"}
        assert tasks["pleural_thickening"] == like


def test_a_task_of_the_finding_is_left_as_it_is():
    tasks = validated("{finding: Mass, tasks: {mass: {kind: finding, finding: M, crop: 9}}}")[
        "tasks"
    ]
    assert (tasks["mass"]["finding"], tasks["mass"]["crop"]) == ("M", 9)


def test_a_task_of_the_finding_without_a_kind_says_what_differs():
    tasks = validated("{finding: Mass, tasks: {mass: {crop: 200}}}")["tasks"]
    assert tasks["mass"] == {**tasks["emphysema"], "finding": "Mass", "crop": 200}


def test_a_task_of_the_finding_is_a_finding():
    assert "finding is situs, but the task situs is of kind situs" in sentence("finding: situs")


def test_a_data_set_of_ones_own_is_split_by_fractions():
    own = "dataset: {kind: table}"
    fractions = {"train": 0.7, "val": 0.1, "test": 0.2}
    task = validated(own, "finding: label")["tasks"]["label"]
    assert (task["splits"], task["positives"]) == (fractions, fractions)
    assert (task["cohort"], task["crop"]) == ("all", 224)
    assert validated(own, MINE % "situs")["tasks"]["mine"]["splits"] == fractions
    assert validated(own)["dataset"]["name"] == "own data"
    assert validated()["dataset"]["name"] == "ChestXRay14"


def test_a_new_task_on_chestxray14_has_the_papers_values():
    tasks = validated("tasks: {m: {kind: finding, finding: Mass}, s: {kind: situs}}")["tasks"]
    assert tasks["m"] == {**tasks["emphysema"], "finding": "Mass"}
    assert tasks["s"] == tasks["situs"]


def test_positives_are_spread_as_the_splits_are():
    task = "{kind: finding, finding: Mass, splits: {train: 60, val: 20, test: 20}}"
    made = validated(f"tasks: {{mass: {task}}}")["tasks"]["mass"]
    assert made["positives"] == {"train": 0.6, "val": 0.2, "test": 0.2}


def test_without_a_crop_a_task_keeps_the_papers_part_of_the_image():
    tasks = "tasks: {s: {kind: situs}, f: {kind: findings}, o: {kind: orientation}}"
    made = validated(tasks, "shards: {size: '160'}")["tasks"]
    assert [made[name]["crop"] for name in "sfo"] == [96, 149, 96]


def test_the_training_of_a_task_is_the_group_training_with_what_differs():
    made = validated(
        "training: {momentum: 0.5, epochs: 7}",
        "tasks: {a: {kind: findings, training: {stop_below: 0}}, b: {kind: situs}}",
    )["tasks"]
    assert made["a"]["training"]["momentum"] == made["b"]["training"]["momentum"] == 0.5
    assert (made["a"]["training"]["epochs"], made["b"]["training"]["epochs"]) == (20, 7)
    assert made["a"]["training"]["stop_below"] == 0


@pytest.mark.parametrize("name", sorted(RESERVED) + ["Images"])
def test_a_task_is_not_called_like_another_folder_of_the_results(name):
    text = sentence({"tasks": {name: {"kind": "situs"}}})
    assert f"tasks.{name}, a task, is the name of another folder" in text


@pytest.mark.parametrize("name", ["my task", "a/b", "ö", "-x", "", "{x}", "x" * 101])
def test_a_task_has_a_name_of_letters_digits_and_hyphens(name):
    assert "should have only letters, digits, _ and -" in sentence(
        {"tasks": {name: {"kind": "situs"}}}
    )


def test_the_name_of_a_task_may_be_a_number():
    assert validated("tasks: {2024: {kind: situs}}")["tasks"]["2024"]["crop"] == 144


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (MINE % "sitsu", ["tasks.mine.kind is sitsu", "situs, finding, findings"]),
        (MINE % "[situs]", ["tasks.mine.kind is", "one of situs"]),
        (MINE % "classes", ["lacks the key tasks.mine.column"]),
        (MINE % "predictions", ["lacks the key tasks.mine.file"]),
        (MINE % "finding", ["lacks the key tasks.mine.finding"]),
        ("tasks: {mine: {crop: 3}}", ["lacks the key tasks.mine.kind", "situs"]),
        ("tasks: {mine: 3}", ["tasks.mine is 3", "a group of keys"]),
        ("tasks: {situs: }", ["tasks.situs is empty", "a group of keys"]),
        ("tasks: 3", ["tasks is 3", "a group of keys"]),
        (MINE % "findings, findings: 3", ["tasks.mine.findings is 3", "all or a list of names"]),
        (MINE % "findings, findings: []", ["tasks.mine.findings is empty", "all or a list"]),
        (MINE % "findings, findings: [a, a]", ["['a', 'a']", "each value once"]),
        (MINE % "predictions, file: a, noise_levels: [8]", ["noise_levels holds 8", "should be 0"]),
    ],
)
def test_a_wrong_task_is_named_with_what_is_wrong(changes, parts):
    text = sentence(changes)
    assert all(part in text for part in parts), text


@pytest.mark.parametrize(
    ("rates", "parts"),
    [
        ("{}", ["class_rates is empty", "class_conditional"]),
        ("{present: 1}", ["names the class present", "mirrored and unmirrored"]),
        ("{mirrored: 4}", ["has 4 for the class mirrored", "noise level 32"]),
        ("{mirrored: -1}", ["class_rates.mirrored is -1", "at least 0"]),
        ("{mirrored: x}", ["class_rates.mirrored is the text 'x'", "at least 0"]),
    ],
)
def test_rates_of_classes_that_make_no_sense_are_refused(rates, parts):
    task = f"tasks: {{situs: {{noise_models: [class_conditional], class_rates: {rates}}}}}"
    text = sentence(task)
    assert all(part in text for part in parts), text


def test_rates_may_be_given_by_direction():
    rates = "{cat: {dog: '1', deer: 0.5}, dog: 1}"
    made = validated(f"tasks: {{pets: {{kind: classes, column: c, class_rates: {rates}}}}}")
    assert made["tasks"]["pets"]["class_rates"] == {"cat": {"dog": 1, "deer": 0.5}, "dog": 1}


def test_augmentation_can_be_turned_off_and_on():
    changes = "{emphysema: {augmentation: none}, situs: {augmentation: {rotation: 3}}}"
    tasks = validated(f"tasks: {changes}")["tasks"]
    assert tasks["emphysema"]["augmentation"] is None
    assert tasks["situs"]["augmentation"]["rotation"] == 3


# Unknown keys


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ("noise_levels: [0]", ["no key noise_levels: ", "tasks.NAME.noise_levels"]),
        ("noise_level: [0]", ["no key noise_level: ", "tasks.NAME.noise_levels"]),
        ("situs: {crop: 64}", ["no key situs: ", "tasks.situs"]),
        ("findings: {crop: 64}", ["no key findings: ", "finding or tasks.NAME.findings"]),
        ("shards: {sise: 240}", ["no key shards.sise: ", "shards.size"]),
        ("dataset: {knd: table}", ["no key dataset.knd: ", "dataset.kind"]),
        ("crop: 144", ["no key crop: ", "tasks.NAME.crop"]),
        ("batch_size: 8", ["training.batch_size", "uncertainty.batch_size"]),
        ("tasks: {situs: {crp: 3}}", ["no key tasks.situs.crp: ", "tasks.situs.crop"]),
        (
            "tasks: {situs: {column: 3}}",
            ["tasks.situs.column: ", "tasks.NAME.column of kind classes"],
        ),
        ("tasks: {situs: {training: {epoch: 3}}}", ["tasks.situs.training.epochs"]),
        (MINE % "predictions, fil: x", ["no key tasks.mine.fil: ", "tasks.mine.file"]),
        ("what: red", ["no key what: ", "config/README.md"]),
        ("1: 2", ["no key 1: "]),
        (ALIASES, ["no key a0: "]),
    ],
)
def test_an_unknown_key_is_named_with_the_key_that_may_be_meant(changes, parts):
    text = sentence(changes)
    assert all(part in text for part in parts), text


# Types and bounds


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ("seeds: 8", ["seeds is 8", "a list"]),
        ("seeds: [eight]", ["seeds holds the text 'eight'", "a whole number"]),
        ("seeds: [0.5]", ["seeds holds 0.5", "a whole number"]),
        ("seeds: &a [*a]", ["seeds holds [[", "a whole number"]),
        ("training: {epochs: true}", ["training.epochs is true", "a number"]),
        ("training: {batch_size: 16.5}", ["training.batch_size is 16.5", "a whole number"]),
        ("training: {learning_rate: fast}", ["training.learning_rate", "'fast'", "a number"]),
        ("training: {learning_rate: .nan}", ["training.learning_rate is NaN", "a number"]),
        ("tolerated: {missing: yes}", ["tolerated.missing is true", "a number"]),
        ("network: {xla: maybe}", ["network.xla is the text 'maybe'", "true or false"]),
        ("network: small", ["network is the text 'small'", "a group of keys"]),
        ("dataset: Mine", ["dataset is the text 'Mine'", "a group of keys"]),
        ("shards:", ["shards is empty", "a group of keys"]),
        ("weights:", ["weights is empty", "a text"]),
        ("finding:", ["finding is empty", "a text"]),
        ("finding: [a]", ["finding is ['a']", "a text"]),
        ("images: ''", ["images is empty"]),
        ("seeds: []", ["seeds is empty, but should not be"]),
        ("seeds: [1, 1]", ["seeds is [1, 1]", "once"]),
        ("seeds: [1, '1']", ["seeds is [1, '1']", "once"]),
        ("seeds: [4294967296]", ["seeds holds 4294967296", "less than 4294967296"]),
        ("finding: Mass/Nodule", ["finding", "'Mass/Nodule'", "a letter and up to 99"]),
        (f"finding: {'x' * 101}", ["finding", "a letter and up to 99"]),
        ("training: {momentum: 1}", ["training.momentum is 1", "less than 1"]),
        ("training: {learning_rate: 0}", ["training.learning_rate is 0", "greater than 0"]),
        ("measures: {groups: thirds}", ["measures.groups", "'thirds'", "test-quantiles"]),
        ("shards: {number: 0}", ["shards.number is 0", "greater than or equal to 1"]),
        ("phantom: {patients: 10, pa_images: 9}", ["phantom is", "pa_images", "10 patients"]),
        ("tasks: {situs: {noise_levels: [64]}}", ["tasks.situs.noise_levels holds 64", "50"]),
        ("tasks: {situs: {noise_levels: [8, '8']}}", ["noise_levels is [8, '8']", "once"]),
        ("tasks: {situs: {noisy_splits: [tset]}}", ["noisy_splits holds", "'tset'", "'train'"]),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_what_it_should_be(changes, parts):
    text = sentence(changes)
    assert all(part in text for part in parts), text


def test_numbers_that_the_command_line_gives_as_texts_are_taken():
    texts = """
    seeds: ['0', '3']
    network: {xla: 'true', threads: '2'}
    training: {learning_rate: 1e-3}
    tasks:
      situs: {crop: '64', noise_levels: ['0', '0.5'], splits: {train: '0.5', val: '.1', test: '.1'}}
    """
    made = validated(texts)
    assert made["seeds"] == [0, 3]
    assert made["network"]["xla"] is True
    assert made["network"]["threads"] == 2
    assert made["training"]["learning_rate"] == 0.001
    situs = made["tasks"]["situs"]
    assert (situs["crop"], situs["noise_levels"]) == (64, [0, 0.5])
    assert situs["splits"] == {"train": 0.5, "val": 0.1, "test": 0.1}


def test_a_name_that_is_a_number_stays_a_text():
    made = validated({"results": 2024, "dataset": {"name": 14}})
    assert (made["results"], made["dataset"]["name"]) == ("2024", "14")
    assert validated("finding: Effusion")["finding"] == "Effusion"


def test_of_several_mistakes_one_is_told():
    text = sentence("{what: red, training: {epochs: none}, seeds: [0.5]}")
    assert text.startswith("The configuration has no key what: ")


@given(st.lists(st.floats(0, 50) | st.integers(0, 50), min_size=1, unique=True))
def test_any_different_levels_from_0_to_50_percent_are_accepted(levels):
    assert validated({"tasks": {"situs": {"noise_levels": levels}}})


@given(st.floats().filter(lambda level: not 0 <= level <= 50))
def test_no_level_outside_0_to_50_percent_is_accepted(level):
    text = sentence({"tasks": {"situs": {"noise_levels": [level]}}})
    assert "tasks.situs.noise_levels holds" in text


@pytest.mark.parametrize("row", keys(), ids=lambda row: row.name)
def test_a_list_of_lists_is_refused_by_the_name_of_its_key(row):
    kind = next(iter(row.defaults))
    name = row.name.replace("NAME", "mine")
    required = {"finding": "x", "column": "x", "file": "x"} if kind else {}
    own = {key: value for key, value in required.items() if key in KINDS[kind].model_fields}
    config = changed({"tasks": {"mine": {"kind": kind, **own}}} if kind else {})
    *groups, last = name.split(".")
    group = config
    for part in groups:
        group = group.setdefault(part, {})
    if groups[-1:] in (["splits"], ["positives"]):
        group.update(train=0.2, val=0.2, test=0.2)
    if "truth" in groups:
        group["file"] = "x"
    group[last] = [[]]
    with pytest.raises(UserError, match=re.escape(name)):
        settings.validate(config)


# Keys against each other


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("detection: {absent: {}}", "detection.absent names no task whose labels can be judged"),
        ("detection: {situs: {levels: [0]}}", "detection.situs.levels has 0"),
        ("detection: {situs: {levels: [3]}}", "3, which is not in tasks.situs.noise_levels"),
        ("detection: {emphysema: {}}", "detection.emphysema.truth is empty"),
        ("detection: {situs: {truth: {me: {file: x}}}}", "detection.situs.truth names readers"),
        (
            "{tasks: {situs: {noisy_splits: [train]}}, detection: {situs: {by: [folds]}}}",
            "tasks.situs.noisy_splits is train",
        ),
        (
            "{tasks: {upright: {kind: orientation}}, probe: {network: upright}, "
            "detection: {situs: {by: [probe]}}}",
            "detection.situs.by has probe, but the network upright",
        ),
        (
            "{tasks: {mine: {kind: predictions, file: x}}, detection: {mine: {by: [folds]}}}",
            "the predictions of this task are from elsewhere",
        ),
    ],
)
def test_a_detection_that_cannot_be_measured_is_refused(change, said):
    assert said in sentence(change)


def test_a_crop_larger_than_the_image_is_refused():
    text = sentence("tasks: {situs: {crop: 241}}")
    assert all(part in text for part in ("tasks.situs.crop", "241", "shards.size", "240"))
    assert validated("tasks: {situs: {crop: 240}}")


def test_counts_and_fractions_are_not_mixed_in_the_splits():
    text = sentence("tasks: {situs: {splits: {train: 0.8}}}")
    assert "tasks.situs.splits is" in text
    assert "three whole numbers or three fractions" in text


def test_a_size_of_a_split_is_a_whole_number_or_a_fraction():
    text = sentence("tasks: {situs: {splits: {train: 20.5}}}")
    assert "tasks.situs.splits.train is 20.5" in text
    made = validated("tasks: {situs: {splits: {train: 20.0, val: 1, test: 1}}}")
    assert made["tasks"]["situs"]["splits"] == {"train": 20, "val": 1, "test": 1}


@pytest.mark.parametrize("key", ["splits", "positives"])
def test_fractions_that_add_up_to_more_than_one_are_refused(key):
    text = sentence(f"tasks: {{emphysema: {{{key}: {{train: 0.8, val: 0.1, test: 0.2}}}}}}")
    assert f"tasks.emphysema.{key}" in text
    assert "1.1" in text


def test_readings_are_simulated_only_for_phantoms():
    assert "dataset.kind phantom" in sentence("readings: simulated")
    assert validated(file("demo.yaml"))["readings"] == "simulated"


# Paths


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("out/", "out"),
        ("./out", "out"),
        ("./a//b/./c/", "a/b/c"),
        ("a\\b\\c", "a/b/c"),
        ("//data//x", "/data/x"),
        ("../x/", "../x"),
        (" out ", "out"),
        ("~/x/", str(Path.home() / "x")),
        (".", str(Path.cwd())),
        ("nih", "nih"),
    ],
)
def test_paths_are_taken_as_people_type_them(typed, meant):
    for key in ("images", "metadata", "downloads", "results", "weights", "readings"):
        assert validated({key: typed})[key] == meant
    task = {"kind": "predictions", "file": typed}
    held_out = {"held_out": typed}
    tasks = validated({"tasks": {"mine": task, "emphysema": held_out}})["tasks"]
    assert tasks["mine"]["file"] == tasks["emphysema"]["held_out"] == meant


@pytest.mark.parametrize(
    "key", ["images", "metadata", "downloads", "results", "weights", "readings"]
)
@pytest.mark.parametrize("path", ["a{seed}b", "a}b", "a\nb", "a\x1bb"])
def test_a_path_with_braces_or_control_characters_is_named(key, path):
    text = sentence({key: path})
    assert f"{key} is the text {path!r}, but should have neither braces" in text


@pytest.mark.parametrize("images", ["data/mine/images", "data/mine/situs/x", "data/mine/./logs"])
def test_results_do_not_go_into_the_folder_of_the_images(images):
    text = sentence({"results": "data/mine", "images": images})
    assert "results is data/mine: set results to another folder" in text


def test_defaults_have_the_same_tasks():
    tasks = {"situs": {"kind": "situs", "crop": 99}, "sex": {"kind": "classes", "column": "Sex"}}
    config = settings.validate({"tasks": tasks, "seeds": [4]}).model_dump()
    found = settings.defaults(config).model_dump()
    assert found["tasks"]["situs"]["crop"] == 144 and found["seeds"] == [0]
    assert found["tasks"]["sex"]["column"] == "Sex"
