# Embedded radiographs in the layout of ChestXRay14, where the configuration asks for them.

if PHANTOM:

    # The metadata with its noisy findings, and the truth, of all phantoms.
    rule phantom_metadata:
        output:
            metadata=METADATA,
            truth=f"{Path(METADATA).parent}/truth.csv",
        log:
            f"{RESULTS}/logs/phantom_metadata.log",
        conda:
            "../envs/images.yaml"
        params:
            phantom=config["phantom"],
            code=fingerprint("phantom_metadata.py"),
        script:
            "../workflow/scripts/phantom_metadata.py"

    # The radiographs of one folder.
    rule phantom_part:
        output:
            images=directory(f"{IMAGES}/images_{{part}}/images"),
        log:
            f"{RESULTS}/logs/phantom_part/{{part}}.log",
        wildcard_constraints:
            part=r"\d+",
        conda:
            "../envs/images.yaml"
        params:
            phantom=config["phantom"],
            code=fingerprint("phantom_part.py"),
        script:
            "../workflow/scripts/phantom_part.py"
