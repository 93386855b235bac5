import pandas as pd

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.datasets import chestxray14
from cxrnoise.reading import sources, study

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    seed = int(snakemake.wildcards.seed)
    read = sources.images_read(files.reads, params.finding) if files.reads else None
    key = study.draw(
        manifests.read(files.scores, "scores"),
        manifests.read(files.predictions, "predictions"),
        study.Options(**params.options),
        seed,
        read,
    )
    index = manifests.frames(files.index, "index", ["image", "source", "path"])
    wanted = pd.concat(frame[frame["image"].isin(key["image"])] for frame in index)
    places = dict(zip(params.sources, files.sources, strict=True))
    study.write_images(key, chestxray14.originals(wanted, places), output.images)
    study.write_json(study.readers_side(key, params.finding, seed), output.study)
    made_by = {"finding": params.finding, "seed": seed, "among": files.reads, **params.options}
    manifests.write(key, output.key, "key", provenance.describe(made_by, params.code))
