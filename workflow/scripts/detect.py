import numpy as np
import pandas as pd

from cxrnoise.core import manifests
from cxrnoise.core.jobs import job
from cxrnoise.reading import truth
from cxrnoise.report import pages
from cxrnoise.statistics import detection, known_errors
from cxrnoise.tasks import values

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    labels = [manifests.read(path, "labels") for path in files.labels]
    findings = manifests.classes(files.labels[0]) == values.CLASSES
    about = dict(snakemake.wildcards.items())  # task, noise, by, truth
    verdicts, said = None, None
    if params.verdict:
        reads = manifests.read(files.reads, "reads")
        verdicts, said = truth.verdicts(reads, params.verdict), truth.against_the_others(reads)

    scored = []
    of_seeds = np.reshape(files.scores, (len(params.seeds), len(params.scores)))
    for of_seed, paths in zip(labels, of_seeds, strict=True):
        scores = {
            name: manifests.read(path, "scores")
            for name, path in zip(params.scores, paths, strict=True)
        }
        scored.append(known_errors.scored(of_seed, scores))
    judged = [known_errors.judged(table, verdicts) for table in scored]
    left_out = known_errors.left_out(judged, findings)
    seeds = [known_errors.known(table) for table in judged]
    known_errors.check(seeds, about["task"], about["noise"], about["truth"])

    tables = {
        output.detection: pd.concat([left_out, detection.measure(seeds, findings)]),
        output.reviews: detection.reviews(seeds),
        output.readers: pd.DataFrame(columns=known_errors.READERS)
        if said is None
        else known_errors.readers(scored, said),
    }
    for path, table in tables.items():
        for place, (name, value) in enumerate(about.items()):
            table.insert(place, name, value)
        pages.write_csv(table, path)
