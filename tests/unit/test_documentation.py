"""What the documentation tells people to open, to type and to write exists."""

import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from snakemake.cli import get_argument_parser, parse_config
from snakemake.utils import update_config

from cxrnoise.core import settings
from cxrnoise.core.settings.table import keys

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md"] + sorted(
    f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")
)
# The changelog also names what is gone.
TODAY = [page for page in PAGES if page != "CHANGELOG.md"]
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`]+)`")
# Of files, where the first part of a name is that of a key, too.
ENDINGS = ("csv", "html", "json", "md", "svg", "png", "parquet", "py", "smk", "yaml")
# Prints the names of all rules, and patterns of the files that they make.
LIST_RULES = """
import json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings
with SnakemakeApi(OutputSettings()) as api:
    workflow = api.workflow(
        resource_settings=ResourceSettings(),
        config_settings=ConfigSettings(config=json.loads(sys.argv[1])),
        snakefile=Path("Snakefile"),
    )
    rules = workflow._workflow.rules
    print(json.dumps({rule.name: [it.regex().pattern for it in rule.output] for rule in rules}))
"""


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose_of(page: str) -> str:
    return FENCED.sub("", text_of(page))


def code_in(prose: str) -> list[str]:
    """The pieces of code within sentences."""
    return [" ".join(code.split()) for code in INLINE.findall(prose)]


def commands_in(page: str, program: str) -> list[list[str]]:
    """The arguments of each call of a program, in blocks and within sentences."""
    lines = code_in(prose_of(page))
    for language, block in FENCED.findall(text_of(page)):
        if language in ("", "sh"):
            text = re.sub(r"\\\n|(^| )#.*", " ", block, flags=re.MULTILINE)
            text = re.sub("'[^']*'", lambda quoted: " ".join(quoted[0].split()), text)
            lines += text.splitlines()
    found = []
    for line in lines:
        if re.match(rf"\s*(\.venv/bin/)?{program} ", line):
            found.append(shlex.split(line)[1:])
    return found


def anchors_of(page: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    found = set()
    times = Counter()
    for title in re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        found.add(f"{anchor}-{times[anchor]}" if times[anchor] else anchor)
        times[anchor] += 1
    return found


def configurations_in(page: str) -> list[dict]:
    """What the YAML blocks of each section add up to."""
    sections = re.split(r"^## ", text_of(page), flags=re.MULTILINE)
    found = []
    for section in sections:
        merged = {}
        for language, block in FENCED.findall(section):
            if language == "yaml":
                update_config(merged, yaml.safe_load(block))
        found.append(merged)
    return [config for config in found if config and "set-resources" not in config]


def file(name: str) -> dict:
    return yaml.safe_load(text_of(name))


def validated(*changes: dict) -> dict:
    config = file("config/config.yaml")
    for change in changes:
        update_config(config, change)
    return settings.validate(config).model_dump()


EXAMPLES = [file("config/demo.yaml"), *(it for page in TODAY for it in configurations_in(page))]
PARSER = get_argument_parser()


@pytest.fixture(scope="module")
def rules():
    """The rules of a workflow that has the tasks of all examples, and what they make."""
    tasks = {}
    for example in EXAMPLES:
        tasks |= validated(example)["tasks"]
    config = json.dumps({"tasks": tasks, "weights": "none"})
    listing = [sys.executable, "-c", LIST_RULES, config]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def parsed(arguments: list[str]):
    """A command of Snakemake as Snakemake reads it."""
    options = PARSER.parse_args(arguments)
    options.config = parse_config(options.config) if options.config else {}
    options.files = [file(str(path)) for path in options.configfile if (ROOT / path).exists()]
    return options


def in_results(target: str, results: set[str]) -> str:
    """A target as it is called with the results folder `results` and a task that there is."""
    target = target.replace("TASK", "situs")
    for folder in sorted(results, key=len, reverse=True):
        if target.startswith(f"{folder}/"):
            return f"results/{target.removeprefix(f'{folder}/')}"
    return target


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose_of(page)):
        if link.startswith(("https:", "http:", "mailto:")):
            continue
        path, _, anchor = unquote(link).partition("#")
        found = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert found.exists(), f"{page} links to {path}"
        if anchor:
            to = found.relative_to(ROOT).as_posix()
            assert anchor in anchors_of(to), f"{page} links to #{anchor} of {to}"


@pytest.mark.parametrize("page", sorted(set(PAGES) - {"README.md"}))
def test_every_page_is_linked_in_the_readme(page):
    assert f"]({page})" in text_of("README.md")


@pytest.mark.parametrize("page", TODAY)
def test_every_make_command_is_one_of_the_makefile(page):
    makefile = text_of("Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    variables = set(re.findall(r"\b([A-Z]+)\b", makefile))
    for words in commands_in(page, "make"):
        for word in words:
            name, is_variable, _ = word.partition("=")
            assert name in (variables if is_variable else targets), f"{page}: make {word}"


@pytest.mark.parametrize("page", TODAY)
def test_every_snakemake_command_names_targets_files_and_keys_that_exist(page, rules):
    results = {it["results"] for it in EXAMPLES if "results" in it}
    patterns = [re.compile(pattern) for made in rules.values() for pattern in made]
    for words in commands_in(page, "snakemake"):
        command = parsed(words)
        for path in command.configfile:
            assert len(path.parts) == 1 or (ROOT / path).exists(), f"{page}: {path}"
        config = validated(*command.files, command.config)
        for target in [*command.targets, *command.forcerun]:
            path = in_results(target, results | {config["results"]})
            known = target in rules or any(it.fullmatch(path) for it in patterns)
            assert known, f"{page}: {target}"


@pytest.mark.parametrize("page", TODAY)
def test_every_configuration_is_valid(page):
    for configuration in configurations_in(page):
        validated(configuration)


@pytest.mark.parametrize("page", TODAY)
def test_every_key_in_a_sentence_exists(page):
    known = {row.name for row in keys()}
    known |= {name.rpartition(".")[0] for name in known} | {"tasks.NAME"}
    # How to add something to the code is told with names of the code.
    for code in code_in(prose_of(page).split("\n## Adding ")[0]):
        key = re.match(r"([a-z_]+)\.(\w+)([\w.]*)(?=:|$)", code)
        if not key or key[1] not in known or key[2] in ENDINGS:
            continue
        name = "NAME" if key[1] in ("tasks", "detection") else key[2]
        assert f"{key[1]}.{name}{key[3]}" in known, f"{page}: {code}"


@pytest.mark.parametrize("page", TODAY)
def test_every_file_of_the_project_that_is_named_exists(page):
    folders = "benchmarks|config|docs|envs|profiles|rules|tests|workflow"
    for code in INLINE.findall(text_of(page)):
        for path in re.findall(rf"(?<![\w/.])(?:{folders})/[\w./-]+", code):
            assert (ROOT / path.rstrip(".")).exists(), f"{page}: {path}"
    for test in set(re.findall(r"test_\w+\.py", text_of(page))):
        assert list((ROOT / "tests").rglob(test)), f"{page}: {test}"


@pytest.mark.parametrize("page", TODAY)
def test_nobody_has_to_set_a_variable_of_python(page):
    assert "PYTHONPATH" not in text_of(page)


def test_the_version_and_its_date_are_those_of_the_newest_entry_of_the_changelog():
    citation = file("CITATION.cff")
    newest = re.search(r"^## (.+)$", text_of("CHANGELOG.md"), re.MULTILINE)[1]
    assert newest == f"{citation['version']} – {citation['date-released']}"


def test_the_workflow_catalogue_finds_its_settings():
    usage = file(".snakemake-workflow-catalog.yml")["usage"]
    assert usage["software-stack-deployment"]["conda"]
    assert usage["report"]
    assert {"snakemake", "workflow"} <= set(re.findall(r"\w+", text_of("README.md").lower()))
