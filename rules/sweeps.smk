# How many Monte Carlo samples are enough, and how large their batches should be.

SWEEPS = config["sweeps"]


# The samples of batches of another size.
use rule mcbn as mcbn_of_batch with:
    output:
        samples=f"{RUN}/batch-{{batch}}/mcbn.h5",
    log:
        f"{RUN_LOGS}/batch-{{batch}}/mcbn.log",
    benchmark:
        f"{RUN_LOGS}/batch-{{batch}}/mcbn.benchmark.tsv"
    params:
        samples=SWEEPS["samples"],
        batch_size=lambda wildcards: int(wildcards.batch),


# The uncertainty and the mean of the samples against their number, for each size of the batches.
rule sweep:
    input:
        labels=swept_runs("labels.parquet"),
        predictions=swept_runs("predictions.parquet"),
        samples=swept_runs("batch-{batch}/mcbn.h5"),
    output:
        table=f"{RESULTS}/sweeps.csv",
        svg=report(
            f"{RESULTS}/figures/sweeps.svg",
            caption="../workflow/report/sweeps.rst",
            category="Monte Carlo samples",
            labels={"result": "Number and batch size", "format": "figure"},
        ),
        png=f"{RESULTS}/figures/sweeps.png",
    log:
        f"{RESULTS}/logs/sweep.log",
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=growing(4000),
    params:
        dataset=NAME,
        task=SWEEPS["task"],
        noise=SWEEPS["noise"],
        seeds=config["seeds"],
        batches=SWEEPS["batch_sizes"],
        code=fingerprint("sweep.py"),
    script:
        "../workflow/scripts/sweep.py"
