import pandas as pd

from cxrnoise.core import manifests, provenance
from cxrnoise.core.errors import UserError
from cxrnoise.core.jobs import job
from cxrnoise.reading import sources

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    key = manifests.read(files.key, "key")
    if params.simulation:
        truth = pd.read_csv(files.truth, keep_default_na=False)
        options = sources.Simulation(**params.simulation)
        found = sources.simulated(key, truth, params.finding, options)
    elif files.readings:
        found = sources.from_csv(files.readings, key, params.finding, params.source)
    else:
        raise UserError(sources.unread(params.study, params.expected))
    made_by = {"readings": files.readings, "simulated_reader": params.simulation}
    manifests.write(
        found,
        snakemake.output.readings,
        "readings",
        provenance.describe(made_by, params.code),
    )
