from pathlib import Path

from cxrnoise.audit import corrections
from cxrnoise.core import manifests, provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.tasks.content import content, known

with job(snakemake):
    files, output = snakemake.input, snakemake.output
    given, classes = manifests.read(files.labels, "labels"), manifests.classes(files.labels)
    labels = corrections.laid_over(given, corrections.read(files.corrections, given, classes))
    config = {"corrections": files.corrections, **dict(snakemake.wildcards.items())}
    described = provenance.describe(config, snakemake.params.code)
    manifests.write(labels, output.labels, "labels", described, classes=classes)
    digest = content(labels, Path(files.content).read_text().split()[:1])
    with replacing(output.content) as temporary:
        temporary.write_text(f"{digest}  labels and pixels\n")
    with replacing(output.known) as temporary:
        temporary.write_text(f"{known(labels)}  all that is known of the labels\n")
