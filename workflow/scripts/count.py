from cxrnoise.audit import counts, groups, readers
from cxrnoise.core import manifests
from cxrnoise.core.jobs import job
from cxrnoise.report import pages

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    labels = manifests.read(files.labels, "labels")
    readings = manifests.read(files.readings, "audit_readings")
    divided = None
    if files.index:
        index = manifests.read(files.index, "index")
        divided = groups.groups(index[index["image"].isin(labels["image"])], params.columns)
    table = counts.count(
        labels,
        manifests.read(files.design, "design"),
        manifests.read(files.sample, "sample"),
        manifests.read(files.verdicts, "audit_verdicts"),
        manifests.read(files.ranking, "calibrated"),
        divided,
    )
    counts.say(table)
    pages.write_csv(table, output.counts)
    pages.write_csv(readers.agree(readings, labels.attrs["classes"]), output.agreement)
