import json
import logging
from pathlib import Path

from cxrnoise.errors import UserError
from cxrnoise.jobs import job

with job(snakemake):
    problems = []
    for verdict in map(Path, snakemake.input.verdicts):
        problem = json.loads(verdict.read_text(encoding="utf-8"))["problem"]
        if problem:
            problems.append(problem)
            verdict.unlink()  # so that the file is looked at again next time
    problems += [
        f"{path} is not there: get it, for instance by `snakemake --cores 4 download`."
        for path in snakemake.params.absent
    ]
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
