from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.datasets import folders
from cxrnoise.reading import neighbours
from cxrnoise.report import panels, saving

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    plates = panels.plates(
        manifests.read(files.key, "key"),
        manifests.read(files.readings, "readings"),
        neighbours.read(files.features),
        params.finding,
    )
    index = manifests.read(files.index, "index")
    wanted = index[index["image"].isin(panels.images(plates))]
    sources = dict(zip(params.sources, files.sources, strict=True))
    plates = panels.filled(plates, folders.originals(wanted, sources))
    made_by = provenance.describe({"finding": params.finding, "seed": params.seed}, params.code)
    for plate, path in zip(plates, snakemake.output, strict=True):
        saving.save(panels.draw(plate), path, made_by)
