# What the report is made of: its sections, and the files that each rests on.


def read_for_audit():
    """Whether people, or a program in their place, have read the sample of the audit."""
    named, exported = config["audit"]["readings"], f"{DESIGN}/readings.csv"
    path = sources.at_hand(named, exported.format(task=AUDITED_TASK))
    return named == sources.SIMULATED or bool(path)


def sections_of_report():
    """Return the sections of the report: those of the configuration, or all that it can give.

    Without being named, the paper's tables are sections for its data set and for phantoms alone.
    """
    if config["report"]["sections"] != "auto":
        return config["report"]["sections"]
    # Whoever has predictions from elsewhere and no images leaves the data set at its default.
    paper = PHANTOM or (DATASET == "chestxray14" and not (IMPORTED and NO_IMAGES))
    audit = AUDITED_TASK is not None
    read = audit and read_for_audit()
    images = audit and AUDITED_TASK not in IMPORTED
    there = {
        "data": True,
        "table1": paper and "situs" in TASKS,
        "table2": paper and HAS_READINGS,
        "detection": any(paper or task != "situs" for task in config["detection"]),
        "audit": read,
        "suspicious": audit,
        "impact": read,
        "hanging": images,
        "paper": paper and "situs" in TASKS,
        "made": True,
    }
    return [section for section, has in there.items() if has]


def tasks_of_report():
    """Return the tasks that the report's sections are about, else the audited one, else all.

    All are those of the user where there are others than the paper's, whose sizes and finding are
    as a rule not those of another data set.
    """
    used = {
        "table1": ["situs"],
        "table2": [FINDING],
        "paper": ["situs", FINDING],
        "detection": list(config["detection"]),
        "audit": [AUDITED_TASK],
        "suspicious": [AUDITED_TASK],
        "impact": [AUDITED_TASK],
    }
    named = [task for section in REPORTED for task in used.get(section, [])]
    others = [task for task in TASKS if task not in PAPER_TASKS]
    named = named or ([AUDITED_TASK] if AUDITED_TASK else others or TASKS)
    return [task for task in TASKS if task in named]


def files_of_data():
    """Return the files by name of the report's section on the data."""
    radiographs = set(tasks_of_report()) & set(TRAINED)
    of_images = {
        "index": f"{INDEX}.parquet",
        "problems": f"{RESULTS}/images/left-out.csv",
        "remarks": f"{RESULTS}/images/remarks.csv",
    }
    of_tasks = {
        "cohorts": f"cohort-{SEEDS[0]}.parquet",
        "left_out": f"left-out-{SEEDS[0]}.csv",
    }
    return {name: path if radiographs else [] for name, path in of_images.items()} | {
        name: [f"{RESULTS}/{task}/{file}" for task in tasks_of_report()]
        for name, file in of_tasks.items()
    }


def with_digests(shards):
    """Return shards as inputs whose age does not matter, and their digests, which tell."""
    return {"shards": ancient(shards), "digests": SHARD_DIGESTS if shards else []}


def simulated_in_report():
    """Whether a reader of the report's sections is a program."""
    table2 = {"table2", "paper"} & set(REPORTED) and SIMULATED
    audit = {"audit", "suspicious", "impact"} & set(REPORTED) and AUDIT_SIMULATED
    return bool(table2 or audit)


def tables1(path):
    """Return a file of each Table 1, one for each noise model; `{}` is where the model is named."""
    models = TASKS["situs"]["noise_models"]
    return [
        f"{RESULTS}/{path.format('' if model == SYMMETRIC else f'-{model}')}"
        for model in models
    ]


def files_of_section(section):
    """Return the files by name that a section of the report rests on."""
    audit = {
        name: path.format(task=AUDITED_TASK)
        for name, path in {
            "counts": f"{AUDIT}/count.csv",
            "agreement": f"{AUDIT}/agreement.csv",
            "ranking": f"{AUDIT}/ranking.parquet",
            "first": f"{AUDIT}/first.csv",
            "corrections": f"{AUDIT}/corrections.csv",
            "impact": f"{AUDIT}/impact.csv",
            "figure": f"{RESULTS}/figures/{{task}}-impact.svg",
            "sample": f"{DESIGN}/sample.parquet",
            "readings": f"{DESIGN}/readings.parquet",
            "verdicts": f"{DESIGN}/verdicts.parquet",
        }.items()
    }
    ranking = f"{AUDIT}/ranking{'' if read_for_audit() else '-before'}.parquet"
    pictures = SHARD_FILES if config["report"]["pictures"] else []
    # The figures of cases have the names of images printed on them.
    with_names = not config["report"]["pseudonyms"]
    files = {
        "data": files_of_data(),
        "table1": {
            "by_seed": tables1("table1_by_seed{}.csv"),
            "intervals": tables1("table1_intervals{}.csv"),
            "figures": tables1("figures/situs{}.svg"),
            "paper": PAPER_TABLE1 if BESIDE_PAPER else [],
        },
        "table2": {
            "table": f"{RESULTS}/table2.csv",
            "statistics": f"{RESULTS}/table2_statistics.csv",
            "key": f"{STUDIED_RUN}/key.parquet",
            "readings": f"{STUDIED_RUN}/readings.parquet",
            "reads": READ_BEFORE,
            "figures": TABLE2[1:] if with_names and pictures else [],
            "paper": PAPER_TABLE2 if BESIDE_PAPER and FINDING == "emphysema" else [],
        },
        "detection": {
            name: f"{RESULTS}/{name}.csv"
            for name in ("detection", "reviews", "readers")
        },
        "audit": audit,
        "suspicious": {
            "ranking": ranking.format(task=AUDITED_TASK),
            "readings": audit["readings"] if read_for_audit() else [],
            **with_digests([] if AUDITED_TASK in IMPORTED else pictures),
        },
        "impact": audit,
        "hanging": {"lists": f"{RESULTS}/hanging.csv", **with_digests(pictures)},
        "paper": {"rows": f"{RESULTS}/paper-vs-ours.csv"},
        "made": {},
    }
    return files[section]


def files_of_report(wildcards):
    """Return an input: the files of all sections, the section before the name of each."""
    if AUDITED_TASK is None:
        for section in {"audit", "suspicious", "impact"} & set(REPORTED):
            sys.exit(
                f"The section {section} of the report needs an audit: name the task whose labels "
                "people read in the configuration key audit.task."
            )
    if {"audit", "impact"} & set(REPORTED):
        once_read([])(wildcards)  # ends with a sentence where nobody has read
    return {
        f"{section}_{name}": files
        for section in REPORTED
        for name, files in files_of_section(section).items()
    }


def pages():
    """Return the pages and figures that `snakemake --report` shows if no target is named.

    Those that rest on a file that has not been made, such as a report of before, are left out.
    """
    audit = AUDIT.format(task=AUDITED_TASK)
    rests_on = {
        f"{audit}/audit.html": [f"{audit}/impact.csv"],
        f"{RESULTS}/paper-vs-ours.html": MADE.values(),
        f"{RESULTS}/report.html": [
            file
            for section in REPORTED
            for files in files_of_section(section).values()
            for file in ([files] if isinstance(files, str) else files)
        ],
    }
    others = [
        f"{STUDIED_RUN}/evaluation.csv",
        f"{RESULTS}/detection.html",
        f"{RESULTS}/hanging.html",
        f"{RESULTS}/figures/sweeps.svg",
    ]
    return (
        tables1("table1{}.csv")
        + tables1("figures/situs{}.svg")
        + others
        + [page for page, files in rests_on.items() if all(map(os.path.exists, files))]
    )
