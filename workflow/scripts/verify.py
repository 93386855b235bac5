import json
import logging
from pathlib import Path

from cxrnoise.core.errors import UserError
from cxrnoise.core.jobs import job

with job(snakemake):
    problems = []
    for verdict in map(Path, snakemake.input.verdicts):
        problem = json.loads(verdict.read_text(encoding="utf-8"))["problem"]
        if problem:
            problems.append(problem)
            verdict.unlink()  # so that the file is looked at again next time
    for path, fetched in snakemake.params.absent.items():
        remedy = (
            "`snakemake --cores 4 download` gets it"
            if fetched
            else "put it there yourself, for `download` does not"
        )
        problems.append(f"{path} is missing: {remedy}.")
    for problem in problems:
        logging.error("%s", problem)
    if problems:
        raise UserError(
            f"{len(problems)} files of {snakemake.params.dataset} are missing or wrong: see above."
        )
    if snakemake.input.verdicts:
        logging.info("%d files have the right checksum.", len(snakemake.input.verdicts))
    elif not snakemake.input.get("index"):
        logging.info("There is nothing to verify for the data set %s.", snakemake.params.dataset)
    if snakemake.input.get("index"):
        logging.info("The images were read one by one, and agree with the metadata.")
