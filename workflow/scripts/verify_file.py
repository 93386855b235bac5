import json

from cxrnoise import downloads
from cxrnoise.errors import UserError
from cxrnoise.files import replacing
from cxrnoise.jobs import job

with job(snakemake):
    path = snakemake.input.file
    verdict = {"file": path, "checksum": None, "problem": None}
    try:
        verdict["checksum"] = downloads.verify(path, snakemake.params.checksums)
    except UserError as error:
        verdict["problem"] = str(error)
    with replacing(snakemake.output.verdict) as temporary:
        temporary.write_text(json.dumps(verdict, indent=1) + "\n")
