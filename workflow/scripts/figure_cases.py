from dataclasses import replace

from cxrnoise import (
    chestxray14,
    figures,
    judgements,
    manifests,
    neighbours,
    panels,
    provenance,
    radiographs,
    readers,
)
from cxrnoise.jobs import job
from cxrnoise.measures import LABEL_ERROR, TRUE_ERROR

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    key, given = manifests.read(files.key, "key"), manifests.read(files.readings, "readings")
    judged = judgements.judge(key, given)
    overturned = panels.confident(judged, LABEL_ERROR)
    confirmed = panels.confident(judged, TRUE_ERROR)
    shown = [
        panels.of_cases(overturned, judged),
        panels.of_cases(confirmed, judged),
        panels.of_neighbours(confirmed, neighbours.read(files.features)),
    ]
    index = manifests.read(files.index, "index")
    wanted = index[index["image"].isin({panel.image for part in shown for panel in part})]
    sources = dict(zip(params.sources, files.sources, strict=True))
    pixels = {
        image: radiographs.decode(data) for image, data in chestxray14.originals(wanted, sources)
    }
    simulated = (given["source"] == readers.SIMULATED).any()
    made_by = provenance.describe({"finding": params.finding, "seed": params.seed}, params.code)
    titles = panels.titles(params.finding, simulated, len(overturned), len(confirmed))
    for part, texts, path in zip(shown, titles, snakemake.output, strict=True):
        filled = [replace(panel, pixels=pixels[panel.image]) for panel in part]
        figures.save(panels.draw(filled, *texts), path, made_by)
