import json
from pathlib import Path

from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.datasets import downloads

with job(snakemake):
    params = snakemake.params
    file, path = downloads.read(params.table)[snakemake.wildcards.file], Path(params.path)
    downloads.claim(path.parent, params.table)
    receipt = {
        "file": str(path),
        "url": file.url,
        "checksum": downloads.fetch(file, path),
        "bytes": path.stat().st_size,
    }
    with replacing(snakemake.output.receipt) as temporary:
        temporary.write_text(json.dumps(receipt, indent=1) + "\n")
