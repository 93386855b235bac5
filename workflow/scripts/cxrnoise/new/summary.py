"""What was found, as it is printed."""

from collections import Counter
from collections.abc import Iterable, Iterator

from tabulate import tabulate

from cxrnoise.datasets import columns, views
from cxrnoise.new import words
from cxrnoise.new.choices import Choices
from cxrnoise.new.survey import OWN_LAYOUTS, Survey

SHOWN = 3  # examples
MOST_CLASSES = 10  # shown of a column
MOST_FINDINGS = 30  # shown with those that are left out
WIDTH = 44  # letters of a list of columns
LAYOUTS = {"chestxray14": "ChestXRay14", "padchest": "PadChest"}
# Of one image, and of several.
PROBLEMS = {
    "missing": ("row of the table has no file", "rows of the table have no file"),
    "doubled": ("image is there more than once", "images are there more than once"),
    "truncated": ("of the opened files is cut off", "of the opened files are cut off"),
    "unreadable": ("of the opened files cannot be read", "of the opened files cannot be read"),
    "left out": (
        "of the opened files is no frontal chest radiograph and is not used",
        "of the opened files are no frontal chest radiographs and are not used",
    ),
    "unlisted": (
        "file has no row in the table and is not used",
        "files have no row in the table and are not used",
    ),
    "remark": ("of the opened files has a remark", "of the opened files have a remark"),
}
SEVERAL_IN_A_CELL = ("|", ";", ",", "/", " + ", " und ", " and ")


def text(found: Survey, choices: Choices) -> str:
    """Return what was found: images, table, columns, labels and problems."""
    parts = [_images(found), _table(found), _columns(found), _findings(found, choices)]
    parts += [_classes(name, counted) for name, counted in found.labels.classes.items()]
    problems = list(_problems(found, choices))
    if problems:
        parts.append("\n".join(["Look at this:", *(f"- {problem}" for problem in problems)]))
    return "\n\n".join(part for part in parts if part)


def _images(found: Survey) -> str:
    folder = found.folder
    lines = [f"Images: {folder.path}"]
    if folder.archives:
        lines.append(
            f"  {len(folder.archives)} archives, {folder.archives[0]} and so on; the run will list "
            "what is in them"
        )
    else:
        there = [f"{count:,} {name}" for name, count in folder.formats.items()]
        there += [f"{len(folder.others):,} other files"] if folder.others else []
        lines.append(f"  {', '.join(there)}")
    good = [one.view or "view not named" for one in folder.opened if not one.problem]
    if folder.opened:
        counted = ", ".join(f"{view} {good.count(view)}" for view in sorted(set(good)))
        lines.append(
            f"  {len(folder.opened)} of the DICOM files were opened, {len(good)} are good "
            f"({counted}); the run opens all"
        )
    return "\n".join(lines)


def _table(found: Survey) -> str:
    lines = [f"Table: {found.metadata}"]
    lines += [f"  {said.removeprefix(f'{found.metadata}: ').rstrip('.')}" for said in found.said]
    if found.kind in LAYOUTS:
        lines.append(f"  it has the columns of {LAYOUTS[found.kind]}")
    if not found.folder.archives:
        lines.append(f"  {len(found.table):,} images have a row and a file; all numbers are theirs")
    return "\n".join(lines)


def _columns(found: Survey) -> str:
    header = ["column", "understood as", "known by", "what is in it"]
    return tabulate(list(_rows(found)), header, tablefmt="simple", disable_numparse=True)


def _rows(found: Survey) -> Iterator[tuple[str, str, str, str]]:
    table = found.table
    sizes = table.groupby("patient").size()
    images = "one image each" if sizes.max() == 1 else f"1 to {sizes.max()} images each"
    counted = ", ".join(f"{view} {number:,}" for view, number in views.counts(table).items())
    what = {
        "image": f"such as {table['image'].iloc[0]}",
        "patient": f"{len(sizes):,} patients, {images}",
        "view": counted,
    }
    for role, said in what.items():
        column, why = _known(found, role)
        if column:
            yield column, f"the {role}", why, said
    labels = found.labels
    if labels.findings:
        column, why = ", ".join(labels.findings), "their cells"
        if found.roles is None:
            column, why = next(name for name in found.columns if _lists_findings(name)), "its name"
        yield _short(column), "findings", why, f"{len(labels.findings)}, see below"
    for column, classes in labels.classes.items():
        yield column, "classes", "its cells", f"{len(classes)}, see below"
    others = ", ".join(column for column in found.columns if column in labels.others)
    if others:
        yield _short(others), "not used", "", ""


def _lists_findings(column: str) -> bool:
    return columns.key(column) in ("findinglabels", "labels")


def _short(names: str) -> str:
    return names if len(names) <= WIDTH else names[: WIDTH - 2] + " …"


def _known(found: Survey, role: str) -> tuple[str | None, str]:
    """Return the column of the image, the patient or the view, and how it was known."""
    if found.roles:
        column = getattr(found.roles, role)
        return column or (found.roles.image if role == "patient" else None), found.roles.why[role]
    spellings = OWN_LAYOUTS[found.kind][role]
    return next(name for name in found.columns if columns.key(name) in spellings), "its name"


def _findings(found: Survey, choices: Choices) -> str:
    left_out, shown = choices.task.left_out, found.labels.findings
    if len(shown) > MOST_FINDINGS:
        shown = {name: finding for name, finding in shown.items() if name not in left_out}
    rows = [
        [name, finding.present, finding.absent, finding.uncertain, finding.empty]
        + [f"left out: {left_out[name]}" if name in left_out else ""]
        for name, finding in shown.items()
    ]
    header = ["finding", "present", "absent", "uncertain", "empty", ""]
    made = tabulate(rows, header, tablefmt="simple", intfmt=",") if rows else ""
    more = len(found.labels.findings) - len(shown)
    return made + (f"\n… and {more} that fewer patients have, which are left out" if more else "")


def _classes(name: str, counted: dict[str, int]) -> str:
    shown = sorted(counted.items(), key=lambda item: -item[1])
    rows = shown[:MOST_CLASSES]
    made = tabulate(rows, [f"class of {name}", "images"], tablefmt="simple", intfmt=",")
    more = len(shown) - len(rows)
    return made + (f"\n… and {more} more" if more else "")


def _problems(found: Survey, choices: Choices) -> Iterator[str]:
    yield from _of_images(found)
    yield from found.warnings
    yield from _of_findings(found, choices)
    for name, counted in found.labels.classes.items():
        yield from _of_classes(name, counted)
    for name in found.labels.others:
        if words.has(name, words.NAMES):
            yield (
                f"{name}: may name people, and results/…/index.parquet gets a copy of every "
                "column; delete it from the table if nobody else may see it"
            )


def _of_images(found: Survey) -> Iterator[str]:
    """Say which images have a problem, one line a kind of problem."""
    report = found.report
    kinds = report["problem"].str.replace(":.*", "", regex=True)
    for kind, number in found.problems.items():
        rows = report[kinds == kind].drop_duplicates("image")
        named = rows["image"]
        if kind in ("left out", "unreadable", "remark"):
            named = (
                rows["image"] + " (" + rows["problem"].str.replace("^.*?: ", "", regex=True) + ")"
            )
        elif kind == "missing":
            near = rows["where"].str.extract("; (there is .*)", expand=False)
            named = named.where(near.isna(), named + " (" + near + ")")
        yield f"{number:,} {PROBLEMS[kind][number > 1]}: {_some(named)}"


def _of_findings(found: Survey, choices: Choices) -> Iterator[str]:
    """Say which cells, views and classes are not used."""
    labels = found.labels
    unknown = labels.unknown
    if unknown:
        cells = ", ".join(f"{word!r} {number:,}" for word, number in unknown.items())
        yield (
            f"cells of findings that are not understood, and not used: {cells}; say in table.words "
            "what they mean"
        )
    used = choices.task.views
    others = {view: n for view, n in views.counts(found.table).items() if view not in used}
    if others and not (found.roles and found.roles.view is None):
        said = ", ".join(f"{view} {number:,}" for view, number in others.items())
        yield f"images whose view is not used: {said}"
    if labels.findings and labels.classes:
        name = next(iter(labels.classes))
        yield (
            f"{', '.join(map(repr, labels.classes))}: classes, not audited because there are "
            f"findings; ONLY={name!r} audits it in place of them"
        )


def _of_classes(name: str, counted: dict[str, int]) -> Iterator[str]:
    """Say which classes may be one, and which cells may be several."""
    spelled = Counter(cell.casefold() for cell in counted)
    alike = [cell for cell in counted if spelled[cell.casefold()] > 1]
    if alike:
        said = " and ".join(map(repr, alike[:SHOWN]))
        yield f"{name}: {said} are taken for different classes"
    several = [cell for cell in counted if any(mark in cell for mark in SEVERAL_IN_A_CELL)]
    if several:
        yield (
            f"{name}: cells such as {several[0]!r} are taken for one class; where they list "
            "several findings, make one column a finding with 1 and 0"
        )


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
