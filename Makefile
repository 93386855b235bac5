# What a person does with this project; `make` lists it. All of it runs in .venv, from envs/.

PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# A .venv that was made with the CUDA libraries keeps them.
GPU ?= $(if $(wildcard .venv/lock-gpu.txt),1)
UV ?= uv
# The study that the reading room serves.
STUDY ?= results/emphysema/noise-0/seed-0/study
KILLS ?= 50
SAMPLE := images=tests/data/images metadata=tests/data/Data_Entry_2017_v2020.csv

DEMO = $(SNAKEMAKE) --logger steps --configfile config/demo.yaml --cores $(CORES)
# Five readers, because those of the demo err: the majority of three overturns many right labels.
AUDIT = $(DEMO) --config 'simulated_reader={readers: 5}'

LOCK := envs/lock$(if $(filter 1,$(GPU)),-gpu).txt
VENV := .venv/$(notdir $(LOCK))
DEV_LOCK := envs/lock-dev.txt
DEV := .venv/$(notdir $(DEV_LOCK))
# Snakemake finds our plugins by a path in .venv, relative so that the project can be moved.
PLUGINS = import pathlib, site; \
	path = pathlib.Path(site.getsitepackages()[0], "cxrnoise.pth"); \
	path.write_text("../../../../workflow/plugins\n")
RUN := .venv/bin/python -m
SNAKEMAKE := $(RUN) snakemake
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

.PHONY: help venv demo audit-demo new reading-room test test-kills test-slurm test-slurm-gpus lint format docs \
	lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile
	@echo "PYTHON=python3.12 makes .venv with that Python, CORES=4 is for the demo, GPU=1 adds CUDA."
	@echo "STUDY=FOLDER is the study that the reading room serves: $(STUDY)."

venv: $(VENV) ## make .venv for runs from the lock, exact versions with hashes

# The copy of a lock in .venv says what was installed there; it is written last.
.PHONY: $(VENV) $(DEV)
$(VENV):
	@cmp -s $(LOCK) $@ || { envs/venv $(PYTHON) && envs/install $(LOCK) && cp $(LOCK) $@; }
	@ln -sf ../../envs/reading-room .venv/bin/reading-room
	@.venv/bin/python -c '$(PLUGINS)'

# What tests and style need besides.
$(DEV): $(VENV)
	@cmp -s $(DEV_LOCK) $@ || { envs/install $(DEV_LOCK) && cp $(DEV_LOCK) $@; }

demo: $(VENV) ## phantoms to Table 1 and its report, some minutes
	@$(DEMO) --config 'report={sections: [data, table1, made]}' -- \
		results/demo/table1.csv results/demo/figures/situs.svg report
	@echo; sed '/^$$/q' results/demo/table1.md | cut -d '|' -f 1,2,4,5
	@cat docs/after-demo.txt

audit-demo: $(VENV) ## after demo: all of the report; which labels are wrong, by SIMULATED readers
	@$(AUDIT) -- audit-sample audit
	@$(AUDIT) corrections=results/demo/findings/audit/corrections.csv -- audit report
	@echo; sed '/^## How many/,$$d' results/demo/findings/audit/audit.md | fold -s -w 80
	@cat docs/after-audit-demo.txt

# What was given on the command line is in the environment, where the shell cannot misread it.
new: $(VENV) ## NAME=mine IMAGES=FOLDER LABELS=FILE.csv: looks at your data, writes mine.yaml
	@.venv/bin/python workflow/scripts/new_data_set.py --name "$$NAME" --images "$$IMAGES" \
		--labels "$$LABELS" --patient "$$PATIENT" --image "$$IMAGE" --only "$$ONLY" \
		--weights "$$WEIGHTS"

reading-room: $(VENV) ## serve the reading study of the last run
	@.venv/bin/reading-room "$(STUDY)" serve

test: $(DEV) ## the whole test suite
	@$(RUN) pytest -n 2 --dist loadfile --no-loadscope-reorder

test-kills: $(DEV) ## KILLS=50 kills at random moments, each followed by a new start
	@KILLS=$(KILLS) $(RUN) pytest -s tests/workflow/test_kills.py

test-slurm: $(DEV) ## the jobs on a real Slurm on this machine, as root
	@tests/slurm/install
	@$(RUN) pytest tests/slurm/test_jobs.py

test-slurm-gpus: $(DEV) ## the same for 35 trainings on eight GPUs, some ten minutes
	@tests/slurm/install
	@$(RUN) pytest tests/slurm/test_gpus.py -s

lint: $(DEV) ## style of Python and Snakefiles
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) snakefmt --check Snakefile rules
	@$(SNAKEMAKE) --lint --configfile config/demo.yaml
	@$(SNAKEMAKE) --lint --config $(SAMPLE)

format: $(DEV) ## format Python and Snakefiles
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .
	@$(RUN) snakefmt Snakefile rules

docs: $(VENV) ## the tables of keys in config/README.md, from the models
	@cd workflow/scripts && ../../$(RUN) cxrnoise.core.settings ../../config/README.md

lock: ## compile envs/*.in into the locks, with uv; UPGRADE=1 takes the newest versions
	$(COMPILE) $(if $(UPGRADE),--upgrade) envs/requirements.in --output-file envs/lock.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) envs/requirements-dev.in --constraints envs/lock.txt --output-file $(DEV_LOCK)
	$(COMPILE) $(if $(UPGRADE),--upgrade) envs/requirements-gpu.in --constraints envs/lock.txt --output-file envs/lock-gpu.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) envs/requirements-cleanlab.in --constraints envs/lock.txt --output-file envs/lock-cleanlab.txt

clean: ## remove .venv, caches and the demo's results
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis results/demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
