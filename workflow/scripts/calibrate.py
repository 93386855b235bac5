from cxrnoise.audit import calibration
from cxrnoise.core import manifests, provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.report import pages

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    before = manifests.read(files.ranking, "ranking")
    sample = manifests.read(files.sample, "sample")
    verdicts = manifests.read(files.verdicts, "audit_verdicts")
    calibrated = calibration.calibrate(before, sample, verdicts, params.seed)
    table = calibration.ranked(before, calibrated, verdicts)
    expected = calibration.first(table, sample, verdicts)
    described = provenance.describe({"seed": params.seed}, params.code)
    manifests.write(table, output.ranking, "calibrated", described)
    with replacing(output.csv) as temporary:
        calibration.for_people(table).to_csv(temporary, index=False)
    pages.write_csv(expected, output.first)
    calibration.say(expected)
