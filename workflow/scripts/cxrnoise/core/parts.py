"""The part of a run in its path: of what stands below the labels of a task, a noise and a seed.

It is empty for the network of the splits, `/fold-0` for the one of a fold, `/folds` for all folds
together, and `/probe` for the probe, which has folds of its own. `/member-1` after it is another
network on the same labels and splits; the run itself is member 0.
"""

import re

OF = {"test": "", "folds": "/folds", "probe": "/probe"}  # by whose predictions detection judges
WHOLE = "(/folds|/probe)?"  # patterns of these parts
MEMBER = r"(/member-[1-9]\d*)?"
NETWORK = rf"(/fold-\d+)?{MEMBER}"
SCORED = rf"{NETWORK}|/folds|/probe"


def others(members: int) -> list[str]:
    """Return the parts of the members of an ensemble, without the run itself."""
    return [f"/member-{member}" for member in range(1, members)]


def labelled(part: str) -> str:
    """Return the part of the run that has the labels: members share them."""
    return re.sub("/member-.*", "", part)


def member(part: str) -> int:
    """Return the number of the member, 0 for the run itself."""
    found = re.search(r"/member-(\d+)", part)
    return int(found[1]) if found else 0
