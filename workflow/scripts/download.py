import logging
from pathlib import Path

from cxrnoise.core.errors import UserError
from cxrnoise.core.jobs import job
from cxrnoise.datasets import downloads

with job(snakemake):
    places = {name: Path(path) for name, path in snakemake.params.places.items()}
    if not places:
        logging.info("There is nothing to download for the data set %s.", snakemake.params.dataset)
    ours = {places[name] for name in snakemake.params.ours}
    files = downloads.read(snakemake.params.table)
    for name in snakemake.params.ours:
        if not downloads.there(places[name]):  # it has a receipt, and was removed since
            downloads.claim(places[name].parent, snakemake.params.table)
            downloads.fetch(files[name], places[name])
    for folder in sorted({path.parent for path in places.values()}):
        number = sum(path.parent == folder for path in ours)
        if number:
            logging.info("%s has the %d files, each with its checksum.", folder, number)
        else:
            logging.info(
                "%s holds files of yours: it is used as it is, and no file was written into it; "
                "`snakemake --cores 4 verify` checks it.",
                folder,
            )
    if snakemake.params.lacking:
        raise UserError(
            f"`download` does not get {', '.join(snakemake.params.lacking)}, as the folder holds "
            "files of yours or the table has no such file: put it there, or set `images` and "
            "`metadata` to new places."
        )
