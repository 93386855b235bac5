import pandas as pd

from cxrnoise.core import provenance
from cxrnoise.core.jobs import job
from cxrnoise.report import figures, saving

with job(snakemake):
    params = snakemake.params
    runs = pd.read_csv(snakemake.input.by_seed)
    intervals = pd.read_csv(snakemake.input.intervals)
    paper = pd.read_csv(snakemake.input.paper) if params.beside_paper else None
    figure = figures.situs(runs, intervals, paper, params.dataset)
    made_by = provenance.describe({"dataset": params.dataset}, params.code)
    saving.save(figure, snakemake.output.svg, made_by)
    saving.save(figure, snakemake.output.png, made_by)
