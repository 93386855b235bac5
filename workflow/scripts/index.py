import pandas as pd

from cxrnoise.core import manifests, provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.datasets import index
from cxrnoise.datasets.registry import DATASETS

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    entries = DATASETS[params.kind].read(snakemake.input.metadata, **params.columns)
    files = pd.concat(manifests.read(path, "listing") for path in snakemake.input.listings)
    table, report = index.index(entries, files, params.views, params.number)
    index.write_report(report, params.report)
    index.check(report, params.tolerated, params.report)
    index.check_views(table, params.views)

    texts = {output.digest: f"{index.digest(table)}  content of index.parquet\n"}
    for path, digest in zip(output.contents, index.contents(table, params.number), strict=True):
        texts[path] = f"{digest}  images of this shard\n"
    texts[output.left_out] = index.left_out(report).to_csv(index=False, lineterminator="\n")
    for path, text in texts.items():
        with replacing(path) as temporary:
            temporary.write_text(text)
    made_by = {"kind": params.kind, "views": params.views, "number": params.number}
    made_by = provenance.describe(made_by, params.code)
    manifests.write(table.drop(columns="sha256"), output.index, "index", made_by)
