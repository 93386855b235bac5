"""Draw docs/images/phantom-contact-sheet.png: phantoms of each kind, a caption over each.

python benchmarks/phantom_contact_sheet.py
"""

import sys
from pathlib import Path

import yaml
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from cxrnoise.datasets.phantom import patients, render  # noqa: E402

SHEET = ROOT / "docs" / "images" / "phantom-contact-sheet.png"
COLUMNS, CAPTION = 5, 14
PLAIN = {
    "true_findings": "No Finding",
    "emphysema_severity": 0.0,
    "subcutaneous": False,
    "device": "",
}
KINDS = [
    ("man", {"sex": "M"}),
    ("woman", {"sex": "F"}),
    ("another man", {"sex": "M"}),
    ("another woman", {"sex": "F"}),
    ("AP", {"view": "AP"}),
    ("emphysema, severity 0.3", {"emphysema_severity": 0.3}),
    ("emphysema, severity 0.6", {"emphysema_severity": 0.6}),
    ("emphysema, severity 0.8", {"emphysema_severity": 0.8}),
    ("emphysema, severity 1.0", {"emphysema_severity": 1.0}),
    ("subcutaneous emphysema", {"subcutaneous": True}),
    ("pacemaker", {"device": "pacemaker"}),
    ("electrodes and wires", {"device": "wires"}),
    ("catheter with port", {"device": "catheter"}),
    ("sternal wires", {"device": "sternal wires"}),
    ("cardiomegaly", {"true_findings": "Cardiomegaly"}),
    ("effusion", {"true_findings": "Effusion"}),
    ("infiltration", {"true_findings": "Infiltration"}),
    ("nodule", {"true_findings": "Nodule"}),
    ("effusion and infiltration", {"true_findings": "Effusion|Infiltration"}),
    ("pacemaker and cardiomegaly", {"device": "pacemaker", "true_findings": "Cardiomegaly"}),
]


def main() -> None:
    config = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text(encoding="utf-8"))["phantom"]
    rows = patients.patients(config).query("view == 'PA'").itertuples(index=False)
    size = config["size"]
    shape = (COLUMNS * size, len(KINDS) // COLUMNS * (size + CAPTION))
    sheet = Image.new("L", shape, 255)
    draw = ImageDraw.Draw(sheet)
    for number, ((caption, changes), row) in enumerate(zip(KINDS, rows, strict=False)):
        shown = render.render(row._replace(**PLAIN | changes), config)
        x, y = number % COLUMNS * size, number // COLUMNS * (size + CAPTION)
        draw.text((x + 4, y + 1), caption, fill=0)
        sheet.paste(Image.fromarray(shown), (x, y + CAPTION))
    SHEET.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(SHEET, optimize=True)
    print(f"{SHEET.relative_to(ROOT)}: {len(KINDS)} phantoms")


if __name__ == "__main__":
    main()
