import json

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.datasets import downloads

with job(snakemake):
    path = snakemake.input.file
    verdict = {"file": path, "checksum": None, "problem": None}
    try:
        verdict["checksum"] = downloads.verify(path, snakemake.params.checksums)
    except UserError as error:
        verdict["problem"] = str(error)
    with replacing(snakemake.output.verdict) as temporary:
        temporary.write_text(json.dumps(verdict, indent=1) + "\n")
