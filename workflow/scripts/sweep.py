import logging
from itertools import product

import pandas as pd

from cxrnoise.core import provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.report import saving
from cxrnoise.report.detected import noise_name
from cxrnoise.report.sweeps import draw
from cxrnoise.scores import run
from cxrnoise.statistics import sweeps

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    labels = dict(zip(params.seeds, files.labels, strict=True))
    predictions = dict(zip(params.seeds, files.predictions, strict=True))
    drawn = product(params.seeds, params.batches)
    parts = []
    for (seed, batch), samples in zip(drawn, files.samples, strict=True):
        test = run.read(labels[seed], predictions[seed], samples, ["test"])
        parts.append(sweeps.sweep(test, seed).assign(seed=seed, batch=batch))
    table = pd.concat(parts, ignore_index=True).assign(task=params.task, noise=params.noise)
    table = table[["task", "noise", "seed", "batch", *sweeps.COLUMNS]]
    logging.info("\n%s", table.to_string(index=False))
    with replacing(output.table) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    made_by = {key: params[key] for key in ("dataset", "task", "noise", "seeds", "batches")}
    made_by = provenance.describe(made_by, params.code)
    noise = noise_name(params.noise)
    figure = draw(table, f"Monte Carlo samples: {params.dataset}, {params.task}, {noise}")
    saving.save(figure, output.svg, made_by)
    saving.save(figure, output.png, made_by)
