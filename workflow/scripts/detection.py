import pandas as pd

from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job

with job(snakemake):
    for name, path in snakemake.output.items():
        files = snakemake.input[name]
        parts = [pd.read_csv(file, dtype=str, keep_default_na=False) for file in files]
        with replacing(path) as temporary:
            pd.concat(parts).to_csv(temporary, index=False, lineterminator="\n")
