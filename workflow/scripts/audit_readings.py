import pandas as pd

from cxrnoise.core import manifests, provenance
from cxrnoise.core.errors import UserError
from cxrnoise.core.jobs import job
from cxrnoise.reading import answers, sources
from cxrnoise.tasks import values

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    labels = manifests.read(files.labels, "labels", columns=["label"])
    classes = labels.attrs["classes"]
    asked = answers.Asked(
        labels["label"].unique().tolist(), [] if classes == values.CLASSES else classes
    )
    if params.with_images:
        key = manifests.read(files.key, "audit_key")
    else:
        key = sources.key_without_cases(manifests.read(files.key, "sample"))
    if params.simulation:
        truth = pd.read_csv(files.truth, keep_default_na=False)
        options = sources.Simulation(**params.simulation)
        found = sources.simulated_for_audit(key, truth, asked, options)
    elif files.readings:
        found = sources.for_audit(files.readings, key, asked, params.design, params.source)
    elif not params.with_images:
        raise UserError(
            "Nobody has read the sample of the audit yet: let people read the images of "
            f"{files.key} and name the file of their readings in audit.readings."
        )
    else:
        raise UserError(sources.unread(params.study, params.expected))
    made_by = {"readings": files.readings, "simulated_reader": params.simulation}
    manifests.write(
        found,
        snakemake.output.readings,
        "audit_readings",
        provenance.describe(made_by, params.code),
    )
