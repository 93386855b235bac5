"""Time from a reader's action to the radiograph on the screen, in a real browser.

    python benchmarks/reading_room.py [--cases 24] [--size 1024]

serves phantom radiographs on loopback, opens a personal link in headless Chromium and answers
all cases by keys. Prints JSON: milliseconds from the opening of the link to the first radiograph,
and from Enter to the next one. Needs Debian's chromium, or another one with --chromium.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from PIL import Image
from playwright.sync_api import Page, sync_playwright

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from cxrnoise.datasets.phantom import patients, render  # noqa: E402

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
OPENINGS = 5
PAUSE = 0.5  # seconds that the fastest reader looks at a case
PHANTOM = {
    "ap_images": 0,
    "parts": 1,
    "seed": 1,
    "emphysema_rate": 0.5,
    "subcutaneous_rate": 0.1,
    "missed_rate": 0.0,
    "false_positive_rate": 0.0,
    "subcutaneous_reported_rate": 0.0,
    "device_rate": 0.1,
}
# Notes the time at which the frame that shows a case has been painted.
WATCH = """
window.painted = {};
new MutationObserver(() => {
  const shown = document.querySelector("#radiograph[data-case]")?.dataset.case;
  if (!shown || shown in painted) return;
  painted[shown] = null;
  requestAnimationFrame(() => requestAnimationFrame(() => {
    painted[shown] = performance.timeOrigin + performance.now();
  }));
}).observe(document, { attributes: true, subtree: true, attributeFilter: ["data-case"] });
addEventListener("keydown", (event) => {
  if (event.key === "Enter") window.entered = performance.timeOrigin + event.timeStamp;
}, true);
"""
SHOWN = "() => Object.values(window.painted ?? {}).filter(Boolean).length === {count}"


def write_study(folder: Path, cases: int, size: int) -> None:
    config = PHANTOM | {"patients": cases, "pa_images": cases, "size": size}
    (folder / "images").mkdir(parents=True)
    names = []
    for number, row in enumerate(patients.patients(config).itertuples()):
        names.append(f"c{number:012x}")
        image = Image.fromarray(render.render(row, config))
        image.save(folder / "images" / f"{names[-1]}.png")
    content = {"study": "0" * 16, "title": "Benchmark", "finding": "Emphysema", "seed": 0}
    (folder / "study.json").write_text(json.dumps(content | {"cases": names}), encoding="utf-8")


def serve(study: Path) -> tuple[subprocess.Popen, str]:
    """Start the server; return its process and the first reader's link."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPTS / "reading_room.py"), str(study), "serve", "--port", "0"],
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if link := re.search(r"http://\S+#\S+", line):
            return process, link[0]
    raise SystemExit("the server did not start")


def opening(browser, link: str) -> tuple[float, Page]:
    """Return the milliseconds from the opening of the link to the first case, and the page."""
    page = browser.new_context(viewport={"width": 1600, "height": 1000}).new_page()
    page.add_init_script(WATCH)
    start = time.time() * 1000
    page.goto(link)
    page.wait_for_function(SHOWN.replace("{count}", "1"))
    (painted,) = page.evaluate("Object.values(painted)")
    return painted - start, page


def next_cases(page: Page, cases: int) -> list[float]:
    """Answer all cases; return the milliseconds from each Enter to the next case."""
    times = []
    for count in range(2, cases + 1):
        time.sleep(PAUSE)
        for key in ("p", "5", "Enter"):
            page.keyboard.press(key)
        page.wait_for_function(SHOWN.replace("{count}", str(count)))
        times.append(page.evaluate("Object.values(painted).at(-1) - entered"))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        study = Path(folder) / "study"
        write_study(study, arguments.cases, arguments.size)
        process, link = serve(study)
        try:
            browser = playwright.chromium.launch(executable_path=arguments.chromium, args=FLAGS)
            opened = [opening(browser, link) for _ in range(OPENINGS)]
            following = next_cases(opened[-1][1], arguments.cases)
        finally:
            process.kill()
    print(
        json.dumps(
            {
                "size": arguments.size,
                "first_image_ms": summary([milliseconds for milliseconds, _ in opened], 1000),
                "next_case_ms": summary(following, 200),
            },
            indent=2,
        )
    )


def summary(times: list[float], target: float) -> dict:
    return {
        "median": round(median(times), 1),
        "highest": round(max(times), 1),
        "count": len(times),
        "target": target,
        "met": max(times) < target,
    }


if __name__ == "__main__":
    main()
