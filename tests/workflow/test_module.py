"""Another Snakefile uses the workflow as a module, as docs/how-to.md says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_workflow_is_a_module_of_another_one(tmp_path):
    page = (ROOT / "docs/how-to.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```\n(configfile: .*?)```", page, re.DOTALL)
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/Snakefile").write_text(example.replace("CLONE", str(ROOT)))
    shutil.copytree(ROOT / "config", tmp_path / "config")
    data = ROOT / "tests/data"
    keys = [f"images={data}/images", f"metadata={data}/Data_Entry_2017_v2020.csv", "weights=none"]
    plan = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--config", *keys]
    done = subprocess.run(plan, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^train +7$", done.stdout + done.stderr, re.MULTILINE)
