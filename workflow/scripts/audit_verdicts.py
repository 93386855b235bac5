from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.reading import truth

with job(snakemake):
    params = snakemake.params
    readings = manifests.read(snakemake.input.readings, "audit_readings")
    verdicts = truth.verdicts(readings[~readings["again"]], params.verdict)
    described = provenance.describe({"verdict": params.verdict}, params.code)
    manifests.write(verdicts, snakemake.output.verdicts, "audit_verdicts", described)
