from cxrnoise.audit import sample
from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.datasets import folders
from cxrnoise.reading import study

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    drawn = manifests.read(files.sample, "sample")
    design = manifests.read(files.design, "design")
    key = sample.audit_key(drawn, design, params.repeats, params.seed)
    labels = manifests.read(files.labels, "labels", columns=["label"])
    findings = labels["label"].unique().tolist()
    classes = labels.attrs["classes"] if params.kind == "classes" else []
    wanted = sample.rows_of_cases(key, manifests.read(files.index, "index"))
    places = dict(zip(params.sources, files.sources, strict=True))
    study.write_images(key, folders.originals(wanted, places), output.images)
    shown = study.readers_side(key, findings, params.seed, classes, params.design)
    study.write_json(shown, output.study)
    made_by = {"repeats": params.repeats, "seed": params.seed, "findings": findings}
    manifests.write(key, output.key, "audit_key", provenance.describe(made_by, params.code))
