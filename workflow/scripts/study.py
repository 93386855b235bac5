from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.datasets import folders
from cxrnoise.reading import sources, study

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    seed = int(snakemake.wildcards.seed)
    read = sources.images_read(files.reads, params.finding) if files.reads else None
    candidates = study.candidates(
        manifests.read(files.verdicts, "verdicts"),
        manifests.read(files.predictions, "predictions"),
        manifests.read(files.confidence, "scores"),
        manifests.read(files.uncertainty, "scores"),
    )
    key = study.draw(candidates, study.Options(**params.options), seed, read)
    index = manifests.read(files.index, "index")
    wanted = index[index["image"].isin(key["image"])]
    places = dict(zip(params.sources, files.sources, strict=True))
    study.write_images(key, folders.originals(wanted, places), output.images)
    study.write_json(study.readers_side(key, [params.finding], seed), output.study)
    made_by = {"finding": params.finding, "seed": seed, "among": files.reads, **params.options}
    manifests.write(key, output.key, "key", provenance.describe(made_by, params.code))
