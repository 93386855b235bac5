import shutil

from cxrnoise.core import manifests, provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.tasks import folds
from cxrnoise.tasks.content import known

with job(snakemake):
    files, output = snakemake.input, snakemake.output
    labels, classes = manifests.read(files.labels, "labels"), manifests.classes(files.labels)
    labels = folds.whole(labels)
    described = provenance.describe(dict(snakemake.wildcards.items()), snakemake.params.code)
    manifests.write(labels, output.labels, "labels", described, classes=classes)
    with replacing(output.content) as temporary:
        shutil.copyfile(files.content, temporary)
    with replacing(output.known) as temporary:
        temporary.write_text(f"{known(labels)}  all that is known of the labels\n")
