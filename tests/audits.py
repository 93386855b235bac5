"""A small audit made by hand, for tests of its page."""

import pandas as pd
import pyarrow as pa

from cxrnoise.audit.counts import COLUMNS as COUNTED
from cxrnoise.audit.impact import COLUMNS as SHIFTED
from cxrnoise.core import manifests
from cxrnoise.report import audited, pages

CLASSES = ["absent", "present"]
FINDINGS = ("Effusion", "Mass")


def counted(label, direction="any", method="stratified", wrong=40, labels=1000, **changes):
    """Return a row of the count; its interval is half as wide as the number."""
    row = {"label": label, "direction": direction, "method": method, "labels": labels}
    row |= {"read": 100, "found": 12, "unsure": 0, "by": "", "value": ""}
    row |= {"wrong": wrong, "wrong_low": wrong * 0.75, "wrong_high": wrong * 1.25}
    row |= {f"share{end}": row[f"wrong{end}"] / labels for end in ("", "_low", "_high")}
    row |= {"wrong_if_unsure_right_low": wrong / 2, "wrong_if_unsure_wrong_high": wrong * 2}
    return row | changes


def counts(findings=FINDINGS, **changes):
    """Return the rows of an archive of 1,000 images, and of its two views."""
    rows = [
        counted("all", direction, method, wrong=80, labels=2000, **changes)
        for direction in ("any", "absent", "present")
        for method in ("difference", "stratified")
    ]
    rows += [
        counted(name, direction, wrong=wrong)
        for name, wrong in zip(findings, (30, 50), strict=True)
        for direction in ("any", "absent", "present")
    ]
    rows += [counted(name, method="difference", wrong=99) for name in findings]
    for view in ("PA", "AP"):
        rows += [counted("all", method="difference", by="view", value=view)]
        rows += [
            counted(name, method=method, by="view", value=view)
            for name in findings
            for method in ("stratified", "difference")
        ]
    return rows


def shifted(label, measure, comparison="evaluation"):
    """Return a row of the impact: 0.7 before and 0.8 after."""
    row = {"comparison": comparison, "label": label, "measure": measure, "images": 100}
    for side, value in (("before", 0.7), ("after", 0.8), ("difference", 0.1)):
        row |= {side: value, f"{side}_low": value - 0.05, f"{side}_high": value + 0.05}
    return row | {"positive_before": 20, "positive_after": 25, "how": "bootstrap of patients"}


def audit(at, readers=("Ann", "Bob", "Cy"), names=FINDINGS, simulated=False, **changes):
    """Return an audit of 100 read images, by way of CSV files in the folder `at`.

    changes: of `audited.Audit`; counts and impact as rows.
    """
    images = [f"{number:03d}.png" for number in range(100)]
    every = [(image, name) for image in images for name in names]
    read = pd.DataFrame(every, columns=["image", "label"])
    ranked = read.assign(given_label=1, suggested=0, calibrated=0.6, probability=0.9, verdict="")
    ranked["rank"] = range(1, len(ranked) + 1)
    ranked.loc[:9, "verdict"] = ["wrong", "right"] * 5
    statistics = ["fleiss_kappa", "gwet_ac1"] if len(readers) > 1 else []
    estimates = {"reader": "all", "n": 200, "estimate": 0.6, "low": 0.5, "high": 0.7}
    first = {"k": [10, 100, 2000], "wrong": [9, 60, 80], "low": [7, 50, 60], "high": [10, 70, 99]}
    first |= {"read": [10, 20, 200], "remaining": [71, 20, 0]}
    first |= {"remaining_low": [52, 5, 0], "remaining_high": [90, 40, 0]}
    overturned = read.head(3).assign(given="present", corrected="absent", votes=2, readers=3)
    tables = {
        "counts": pd.DataFrame(changes.pop("counts", counts(names)), columns=COUNTED),
        "agreement": pd.DataFrame(
            [
                {"label": name, "statistic": statistic} | estimates
                for name in ("all", *names)
                for statistic in statistics
            ],
            columns=["label", "statistic", *estimates],
        ),
        "first": pd.DataFrame(first),
        "corrections": changes.pop("corrections", overturned),
        "impact": pd.DataFrame(
            changes.pop("impact", [shifted("mean", "auc"), shifted(names[0], "auc")]),
            columns=SHIFTED,
        ),
    }
    for name, table in tables.items():
        pages.write_csv(table, at / f"{name}.csv")
    source = "simulated" if simulated else "room"
    made = {
        "task": "reports",
        "dataset": "Chests",
        "ranking": ranked.head(audited.SHOWN),
        "classes": CLASSES,
        "sample": pd.DataFrame({"image": images, "role": "sample"}),
        "verdicts": read.assign(true_label=0, votes=2, readers=max(len(set(readers)), 1)),
        "readings": pd.DataFrame({"reader": list(readers), "source": source}),
        "rule": "majority",
        "phantom": False,
        "folder": "results/reports/audit",
        "figure": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "figure_path": "results/figures/reports-impact.svg",
    }
    return audited.Audit(
        **{name: audited.read(at / f"{name}.csv") for name in tables}, **made | changes
    )


def files(found, at):
    """Write what an audit of `audit` holds into the folder `at`; return its files by name."""
    kinds = {"ranking": "calibrated", "sample": "sample"}
    kinds |= {"verdicts": "audit_verdicts", "readings": "audit_readings"}
    paths = {name: str(at / f"{name}.parquet") for name in kinds}
    for name, kind in kinds.items():
        table = whole(getattr(found, name), kind)
        manifests.write(table, paths[name], kind, "{}", found.classes)
    (at / "figure.svg").write_bytes(found.figure)
    tables = ("counts", "agreement", "first", "corrections", "impact")
    paths |= {name: str(at / f"{name}.csv") for name in tables}
    return paths | {"figure": str(at / "figure.svg")}


def whole(table, kind):
    """Return a table with the columns that a manifest has besides: empty text, and numbers."""
    lacking = {
        field.name: "" if field.type == pa.string() else range(len(table))
        for field in manifests.SCHEMAS[kind]
        if field.name not in table
    }
    return table.assign(**lacking)
