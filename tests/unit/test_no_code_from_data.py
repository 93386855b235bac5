"""What no source of ours may do, whatever a file holds: run what was data."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "workflow").rglob("*.py"))
RULES = [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
UNPICKLING = {"read_pickle", "to_pickle", "unsafe_load", "full_load", "load_all", "unsafe_load_all"}
UNSAFE = {("allow_pickle", True), ("shell", True), ("safe_mode", False)}


def faults(source):
    """Say what of the above a source does."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.split(".")[0] in PICKLES}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} if node.module.split(".")[0] in PICKLES else set()
        elif isinstance(node, ast.Call):
            found |= faults_of_call(node)
    return found


def faults_of_call(node):
    called = ast.unparse(node.func)
    last = called.rpartition(".")[2]
    options = {(item.arg, getattr(item.value, "value", None)) for item in node.keywords}
    found = {f"{name}={value}" for name, value in options & UNSAFE}
    if called in CALLS or last in UNPICKLING or called == "yaml.load":
        found.add(called)
    if last == "load_model" and ("safe_mode", True) not in options:
        found.add("load_model without safe_mode")
    if called in ("np.load", "numpy.load") and ("allow_pickle", False) not in options:
        found.add("np.load without allow_pickle")
    if last == "enable_unsafe_deserialization":
        found.add(called)
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "keras.saving.load_model(path)",
        "keras.saving.load_model(path, safe_mode=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text)",
        "pd.read_pickle(path)",
        "eval(text)",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
        "keras.config.enable_unsafe_deserialization()",
    ],
)
def test_each_way_to_run_data_is_recognised(source):
    assert faults(source)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_runs_what_is_data(path):
    assert not faults(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_no_rule_has_a_shell_command(path):
    text = path.read_text(encoding="utf-8")
    assert not {"shell:", "run:"} & set(text.split())
