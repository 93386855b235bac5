import shutil

from cxrnoise.core import manifests, provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.tasks import folds

with job(snakemake):
    files, output = snakemake.input, snakemake.output
    labels, classes = manifests.read(files.labels, "labels"), manifests.classes(files.labels)
    described = provenance.describe(dict(snakemake.wildcards.items()), snakemake.params.code)
    manifests.write(folds.whole(labels), output.labels, "labels", described, classes=classes)
    with replacing(output.content) as temporary:
        shutil.copyfile(files.content, temporary)
