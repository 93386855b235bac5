"""`python -m cxrnoise.core.settings config/README.md` makes the tables of keys in it anew."""

import sys
from pathlib import Path

from cxrnoise.core.settings.table import with_table

path = Path(sys.argv[1])
path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
