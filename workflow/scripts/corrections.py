from cxrnoise.audit import corrections
from cxrnoise.core import manifests
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.report import pages

with job(snakemake):
    files, output = snakemake.input, snakemake.output
    labels, classes = manifests.read(files.labels, "labels"), manifests.classes(files.labels)
    found = corrections.overturned(labels, manifests.read(files.verdicts, "audit_verdicts"))
    pages.write_csv(corrections.in_words(found, classes), output.corrections)
    views = None
    if files.get("index"):
        index = manifests.read(files.index, "index", columns=["image", "view"])
        views = index.set_index("image")["view"]
    table = corrections.own_data(corrections.laid_over(labels, found), classes, views)
    with replacing(output.labels) as temporary:
        table.to_csv(temporary, index=False)
