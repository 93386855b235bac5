"""What a DICOM header says of the picture: which view of which part of the body, how it hangs.

Only attributes with defined meanings are read; free text such as Series Description is not.

- **Patient Orientation** says towards which side of the patient the rows and the columns of the
  stored pixels run. `L\\F` is how a chest is shown: the patient's left on the right-hand side, the
  feet below. Any other frontal orientation is turned or mirrored to that.
- **Field of View Horizontal Flip** and **Rotation** say what was done between the detector and
  the stored pixels. Many detectors flip every PA image to show it as usual, so they do not say
  how the picture hangs. Patient Orientation does, and wins. Without it, a flipped image is left
  out, because nobody can know whether it is mirrored.
- **View Position** and **View Code Sequence**: PA and AP are kept; laterals, obliques, decubitus
  and axial views are left out, even if only one of the two attributes says so.
- **Body Part Examined** and **Anatomic Region Sequence**: anything but a chest is left out.
- **Modality**: anything but a radiograph is left out.
- **Laterality** and **Image Laterality** say nothing certain of a chest: L and R are a remark.
"""

import re

import numpy as np
from pydicom import Dataset

MODALITIES = {"CR", "DX", "DR", "RG", "XR", "RF", "OT", "SC"}

# First letters of Patient Orientation for a frontal picture: along the rows, down the columns.
UPRIGHT = {"LF", "RF", "LH", "RH"}
ON_ITS_SIDE = {"FL", "FR", "HL", "HR"}
MIRRORED = {"RF", "LH", "FL", "HR"}

CHEST = re.compile("CHEST|THORAX|TORAX|LUNG|CXR")
CHEST_CODES = {"T-D3000", "51185008", "816094009", "T-28000", "39607008", "T-D3200", "43799004"}
NO_BODY_PART = {"", "UNKNOWN", "UNDEFINED", "UNSPECIFIED", "OTHER", "NONE", "NA"}

VIEW_CODES = {
    **dict.fromkeys(("272479007", "R-40888", "R-10214"), "PA"),
    **dict.fromkeys(("399348003", "R-10206"), "AP"),
    **dict.fromkeys(("399067008", "R-102CD", "399173006", "R-10236"), "LATERAL"),
    **dict.fromkeys(("399198007", "R-10232"), "LATERAL"),
}
LATERAL = {"LL", "RL", "LAT", "LLAT", "RLAT", "LATERAL", "SAGITTAL"}
DECUBITUS = {"LLD", "RLD", "DECUBITUS", "DECUB"}
OBLIQUE = {"LLO", "RLO", "LAO", "RAO", "LPO", "RPO", "OBLIQUE", "OBL", "TANGENTIAL"}
TILTED = {"AXIAL", "LORDOTIC", "SWIMMERS"}
BREAST = {"CC", "MLO"}
NOT_FRONTAL = LATERAL | DECUBITUS | OBLIQUE | TILTED | BREAST
PA = ({"PA"}, {"POSTEROANTERIOR"}, {"POSTERO", "ANTERIOR"})
AP = ({"AP"}, {"ANTEROPOSTERIOR"}, {"ANTERO", "POSTERIOR"})


def upright(pixels: np.ndarray, file: Dataset) -> np.ndarray:
    """Turn and mirror stored pixels so that the patient's left is on the right, the head above."""
    directions = _directions(file)
    if directions in ON_ITS_SIDE:
        pixels, directions = pixels.T, directions[::-1]
    if directions in UPRIGHT:
        pixels = pixels[:: -1 if directions[1] == "H" else 1, :: -1 if directions[0] == "R" else 1]
    return np.ascontiguousarray(pixels)


def on_its_side(file: Dataset) -> bool:
    """Whether `upright` exchanges width and height."""
    return _directions(file) in ON_ITS_SIDE


def view(file: Dataset) -> str:
    """Return "PA", "AP", or "" when the attributes do not say or contradict each other."""
    found = {kind for _, kind in _views(file)} & {"PA", "AP"}
    return found.pop() if len(found) == 1 else ""


def left_out(file: Dataset) -> str:
    """Say in a few words why this is no frontal chest; "" when it is one, or may be one."""
    modality = _text(file, "Modality").upper()
    if modality and modality not in MODALITIES:
        return f"Modality {_short(modality)}"
    for name, is_chest in _body_parts(file):
        if not is_chest:
            return name
    for name, kind in _views(file):
        if kind == "other":
            return name
    return _badly_oriented(file)


def remarks(file: Dataset) -> tuple[str, ...]:
    """Say what was turned or mirrored, and what the header leaves in doubt."""
    found = []
    directions = _directions(file)
    if directions in UPRIGHT | ON_ITS_SIDE and directions != "LF":
        done = "mirrored back" if directions in MIRRORED else "turned upright"
        found.append(f"{done} (Patient Orientation {_orientation(file)})")
    turned = float(_text(file, "FieldOfViewRotation") or 0)
    if turned and not directions:
        found.append(f"Field of View Rotation {turned:g}")
    views = _views(file)
    found += [f"{name} is not understood" for name, kind in views if not kind]
    if {"PA", "AP"} <= {kind for _, kind in views}:
        found.append(" contradicts ".join(name for name, _ in views))
    for keyword, name in (("Laterality", "Laterality"), ("ImageLaterality", "Image Laterality")):
        side = _text(file, keyword).upper()
        if side in ("L", "R"):
            found.append(f"{name} {side}")
    if _text(file, "PresentationIntentType").upper() == "FOR PROCESSING":
        found.append("raw image (Presentation Intent Type FOR PROCESSING)")
    return tuple(found)


def _badly_oriented(file: Dataset) -> str:
    directions = _directions(file)
    if directions and directions not in UPRIGHT | ON_ITS_SIDE:
        return f"Patient Orientation {_orientation(file)}"
    if not directions and _text(file, "FieldOfViewHorizontalFlip").upper() == "YES":
        return "Field of View Horizontal Flip without Patient Orientation"
    return ""


def _directions(file: Dataset) -> str:
    """Return the main letters of Patient Orientation, such as LF for LH\\FP; "" without it."""
    words = _orientation(file).upper().split("\\")
    return "".join(word.strip()[:1] for word in words)


def _orientation(file: Dataset) -> str:
    return _short(_text(file, "PatientOrientation"))


def _body_parts(file: Dataset) -> list[tuple[str, bool]]:
    """Return what the attributes call the part of the body, and whether that is the chest."""
    found = []
    part = _text(file, "BodyPartExamined").upper()
    if part not in NO_BODY_PART:
        found.append((f"Body Part Examined {_short(part)}", bool(CHEST.search(part))))
    for item in file.get("AnatomicRegionSequence") or []:
        meaning = _text(item, "CodeMeaning")
        is_chest = _text(item, "CodeValue") in CHEST_CODES or CHEST.search(meaning.upper())
        found.append((f"Anatomic Region {_short(meaning)}", bool(is_chest)))
    return found


def _views(file: Dataset) -> list[tuple[str, str]]:
    """Return what the attributes call the view, each with "PA", "AP", "other" or ""."""
    found = []
    position = _text(file, "ViewPosition")
    if position:
        found.append((f"View Position {_short(position)}", _kind_of_view(position)))
    for item in file.get("ViewCodeSequence") or []:
        meaning = _text(item, "CodeMeaning")
        code = VIEW_CODES.get(_text(item, "CodeValue"), meaning)
        found.append((f"View Code {_short(meaning)}", _kind_of_view(code)))
    return found


def _kind_of_view(text: str) -> str:
    words = set(re.findall("[A-Z]+", text.upper().replace(".", "")))
    if words & NOT_FRONTAL or any(word.startswith("LATERAL") for word in words):
        return "other"
    is_pa = any(name <= words for name in PA)
    is_ap = any(name <= words for name in AP)
    if is_pa == is_ap:
        return ""
    return "PA" if is_pa else "AP"


def _text(data: Dataset, keyword: str) -> str:
    """Return an attribute as text, "" without it; several values are joined by backslashes."""
    value = data.get(keyword)
    if value is None:
        return ""
    return (value if isinstance(value, str) else "\\".join(map(str, np.atleast_1d(value)))).strip()


def _short(text: str) -> str:
    """Return at most 40 characters of a text of the header, printable ones."""
    return "".join(character if character.isprintable() else "?" for character in text[:40])
