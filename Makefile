# The manual: `make help`. Everything installs what it needs into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BASE_MODEL_RUN ?= var/base-model
MINUTES ?= 300
BASE_MODEL ?= built-in
DEVICE ?=
ARGUMENTS ?=
PROCESSES ?= $(shell nproc)
UNIT_TESTS = $(BIN)/pytest -n auto --maxprocesses 2 --dist loadfile --no-loadscope-reorder --ignore tests/browser
BROWSER_TESTS = $(BIN)/pytest tests/browser -n auto --maxprocesses 2 --dist worksteal --screenshot only-on-failure --output var/browser
REFINER_MINUTES ?= 30
START_FROM ?=
PRETRAINING = --out $(BASE_MODEL_RUN) --minutes $(MINUTES) --learning-rate 2e-3 --resume $(if $(START_FROM),--start-from $(START_FROM))
LIGHTHOUSE := 13.5.0
ORDERS ?= 300
CHAOS_FIRST_SEED ?= 1
CHAOS_SEEDS ?= 50
CHAOS_GENERATIONS ?= 1000
CHAOS_KILLS ?= 200
BACKUPS := docker compose --profile backups run --rm --no-deps
FLASK := docker compose run --rm --no-deps prepare flask --app webapp.app
SBOM ?= var/sbom
REQUIREMENTS := $(wildcard requirements/*.txt) requirements.txt

.DEFAULT_GOAL := help
.PHONY: help demo demo-sets sets-demonstrations up world test test-long browser sure format lint types contracts audit lock sbom images env-example api-docs python-client chaos-long chaos-storm deploy backup base-backup restore recover recovered restore-drill deploy-drill base-model bench-engine bench-recipes bench-api bench-dispatch bench-queries bench-pages bench-migrations bench-sets bench-sam3 bench-uploads bench-provenance report-engine screenshots lighthouse db shell clean

help:  ## show this manual
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

$(INSTALLED): $(REQUIREMENTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements/dev.txt -c requirements/constraints.txt
	@touch $@

demo: $(INSTALLED)  ## the main job on this machine: train a style, buy three signed images, leave them in var/demo
	$(BIN)/python -m webapp.embedded.demo

demo-sets: $(INSTALLED)  ## an album of six photos through Sets, from upload to archive; var/demo-sets
	$(BIN)/python -m webapp.embedded.demo_sets

up: $(INSTALLED)  ## the whole site at http://localhost:8000 with the demo's data, Flower at :5555, Ctrl-C stops all
	$(BIN)/python -m webapp.embedded.up

sets-demonstrations: $(INSTALLED)  ## the pictures on the page of Sets, made anew by its own pipeline; to be committed
	$(BIN)/python -m webapp.embedded.sets_demonstrations

world: $(INSTALLED)  ## the fixture that `up` restores, made anew with the shipped base model; about ten minutes, to be committed
	$(BIN)/python -m webapp.embedded.make_world

# Two at a time: each may run a whole stack, and a usual PostgreSQL takes a hundred connections. Files come
# in the order of tests/conftest.py, not those with few tests last: these may be the longest.
# The browser comes after them: two browsers, each with a stack of its own, fill two cores.
test: $(INSTALLED)  ## all tests but the long ones, on real services; starts or installs what this machine lacks
	tests/services.sh browser
	$(UNIT_TESTS) -m "not long"
	$(BROWSER_TESTS) -m "not long"

test-long: $(INSTALLED)  ## the long tests, which `test` leaves out: more cases of what it checks, and measurements
	tests/services.sh browser
	$(UNIT_TESTS) -m long
	$(BROWSER_TESTS) -m long

browser: $(INSTALLED)  ## the last part of `test`: the pages in Chromium, by hand and by axe, and whole ways through the site; var/browser
	tests/services.sh browser
	$(BROWSER_TESTS) -m "not long"

sure: lint types contracts env-example images test  ## all that CI runs

format: $(INSTALLED)  ## rewrite the code in the house's format
	$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

lint: $(INSTALLED)  ## ruff: rules and format; docs/api.md and the Python client must be up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m webapp.embedded.api_docs --check
	$(BIN)/python -m webapp.embedded.python_client --check

types: $(INSTALLED)  ## mypy, strict for the domain, the tasks and the engine
	$(BIN)/mypy
	$(BIN)/mypy clients/python/style_license

contracts: $(INSTALLED)  ## who may import whom
	$(BIN)/lint-imports

env-example: $(INSTALLED)  ## .env.example must say what Settings says
	$(BIN)/python -m webapp.embedded.env_example --check

api-docs: $(INSTALLED)  ## the generated tables of docs/api.md, to be committed
	$(BIN)/python -m webapp.embedded.api_docs

python-client: $(INSTALLED)  ## the generated modules of clients/python, to be committed
	$(BIN)/python -m webapp.embedded.python_client

images: $(INSTALLED)  ## lint the Dockerfile, the compose files, the proxy and the workflows; needs no container engine
	$(BIN)/hadolint docker/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml docker-compose.gpu.yml
	SITE_ADDRESS=https://localhost $(BIN)/caddy validate --config docker/Caddyfile --adapter caddyfile
	$(BIN)/caddy fmt --diff docker/Caddyfile
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml

# What the images install: every package with the hashes of its files. The image is Python 3.11 on x86-64.
LOCK = $(BIN)/uv pip compile --constraint requirements/constraints.txt --generate-hashes --no-annotate --quiet \
	--python-version 3.11.9 --python-platform x86_64-manylinux_2_28 --custom-compile-command "make lock"
lock: $(INSTALLED)  ## requirements/*.lock, from the versions of constraints.txt, to be committed; needs PyPI
	$(LOCK) requirements/web.txt --output-file requirements/web.lock
	$(LOCK) requirements/gpu.txt --output-file requirements/gpu.lock

BILL = $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --spec-version 1.6 --output-reproducible --validate
sbom: $(INSTALLED)  ## software bill of materials of each image (CycloneDX JSON, validated), in var/sbom
	@mkdir -p $(SBOM)
	$(BILL) requirements/web.lock --output-file $(SBOM)/web.cdx.json
	$(BILL) requirements/gpu.lock --output-file $(SBOM)/gpu.cdx.json

# --strict: without it a package that could not be looked up counts as one without vulnerabilities.
audit: $(INSTALLED)  ## known vulnerabilities of every locked package; asks PyPI, fails where it gets no answer
	$(BIN)/pip-audit --strict --no-deps --disable-pip --progress-spinner off \
		$(foreach file,web.lock gpu.lock constraints.txt,--requirement requirements/$(file))

# Each seed appends a line to var/chaos/long_storm.jsonl. Further seeds alone: CHAOS_FIRST_SEED=51 make chaos-storm
chaos-long: $(INSTALLED)  ## the fault tests at full size: storms of 1,000 orders, albums, a restore; CHAOS_SEEDS, CHAOS_FIRST_SEED
	tests/services.sh chaos
	CHAOS_PHOTOS=200 CHAOS_PHOTO_KILLS=80 $(BIN)/pytest tests/chaos tests/chaos/restore_drill.py
	$(MAKE) chaos-storm

chaos-storm: $(INSTALLED)  ## the storms alone; CHAOS_SEEDS, CHAOS_FIRST_SEED, CHAOS_GENERATIONS, CHAOS_KILLS; var/chaos
	tests/services.sh chaos
	CHAOS_FIRST_SEED=$(CHAOS_FIRST_SEED) CHAOS_SEEDS=$(CHAOS_SEEDS) CHAOS_GENERATIONS=$(CHAOS_GENERATIONS) \
		CHAOS_KILLS=$(CHAOS_KILLS) $(BIN)/pytest tests/chaos/long_storm.py -s
	$(BIN)/python -m tests.chaos.tallies

# What must know all that newer webs write, then one web after the other: docs/operations.md, Rolling deploy.
deploy:  ## a new version with docker compose, while the site works
	docker compose build
	docker compose run --rm --no-deps prepare
	docker compose up --detach --no-deps relay worker-cpu worker-housekeeping
	docker compose up --detach --no-deps --wait web
	docker compose up --detach --no-deps --wait web-2
	docker compose up --detach

# Files before and after: the dump names only files that one of the two copies has found.
backup:  ## database and files of docker-compose.yml into BACKUP_FOLDER, while the site works
	$(BACKUPS) backup-files
	$(BACKUPS) backup-database
	$(BACKUPS) backup-files

base-backup:  ## where a recovery to a point in time begins; needs COMPOSE_PROFILES=recovery
	$(BACKUPS) base-backup

restore:  ## the newest dump, or DUMP=2026-11-29T080000Z, into empty volumes; then `docker compose up`
	docker compose up --detach --wait postgres storage
	$(BACKUPS) restore-database
	$(BACKUPS) restore-files
	$(FLASK) restored
	$(FLASK) ledger check --full
	$(FLASK) license check-files

recover:  ## the database alone, to UNTIL="2026-11-29 08:00:00+00" or the end of its log, into an empty volume
	$(BACKUPS) recover
	$(MAKE) --no-print-directory recovered

# PostgreSQL is healthy before it has recovered, and may not be for as long as it reads the log.
recovered:  ## the second half of `recover`, which may be repeated: wait for it, then prove
	docker compose up --detach --wait storage
	docker compose up --detach postgres
	$(BACKUPS) recovered
	$(FLASK) restored
	$(FLASK) ledger check --full
	$(FLASK) license check-files

restore-drill: $(INSTALLED)  ## on this machine: sell, dump, sell, lose everything, restore, prove; ORDERS=300
	tests/services.sh
	DRILL_ORDERS=$(ORDERS) $(BIN)/pytest tests/backups tests/chaos/restore_drill.py -s

deploy-drill: $(INSTALLED)  ## on this machine: migrate and replace two webs behind the proxy under load; no request may fail
	$(BIN)/pytest tests/journeys/rolling_deploy.py -s --timeout 900

bench-engine: $(INSTALLED)  ## training and rendering against how it is usually done; DEVICE=cuda BASE_MODEL=random-sd15 at a real size; var/bench/engine.json
	$(BIN)/python -m tests.bench.engine --base-model $(BASE_MODEL) $(if $(DEVICE),--device $(DEVICE)) $(ARGUMENTS)

bench-recipes: $(INSTALLED)  ## what each number of the training recipe buys; var/bench-recipes
	$(BIN)/python -m tests.bench.recipes

bench-api: $(INSTALLED)  ## a hundred people at the site for a minute and a half; var/bench/api.json
	$(BIN)/python -m tests.bench.api $(ARGUMENTS)

bench-dispatch: $(INSTALLED)  ## from an order to its message, beside a client that publishes itself; var/bench/dispatch.json
	$(BIN)/python -m tests.bench.dispatch $(ARGUMENTS)

bench-queries: $(INSTALLED)  ## every list on 1 M images, 100 k styles, 10 M transfers: plans and times; var/bench/queries.json
	$(BIN)/python -m tests.bench.plans

bench-pages: $(INSTALLED)  ## every page on the same market: statements and time in the database; var/bench/pages.json
	$(BIN)/python -m tests.bench.pages

bench-migrations: $(INSTALLED)  ## every migration on 1 M rows under writing load: how long writers wait; ARGUMENTS="--rows 20000"; var/bench/migrations.json
	$(BIN)/python -m tests.bench.migrations $(ARGUMENTS)

bench-uploads: $(INSTALLED)  ## eight files of 49 megapixels at once: memory and times; var/bench/uploads.json
	$(BIN)/python -m tests.bench.uploads

bench-sets: $(INSTALLED)  ## rules on 12 megapixels and a simulated person's clicks; var/bench/sets.json
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.bench.sets

bench-sam3: $(INSTALLED)  ## photos a minute with SAM3's network, random weights: full size on a GPU, tiny on a CPU; var/bench/sam3.json
	$(BIN)/python -m tests.bench.sam3 $(ARGUMENTS)

bench-provenance: $(INSTALLED)  ## the watermark: attacks × pictures, false claims, times, a contact sheet; var/bench/provenance.json and .png
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.bench.provenance $(ARGUMENTS)

$(BASE_MODEL_RUN)/codec_psnr.json: | $(INSTALLED)
	$(BIN)/python -m gpu.pretrain.fit_codec --out $(BASE_MODEL_RUN)

# START_FROM=folder goes on from a finished model, the shipped one for instance. On a CPU one process
# a core learns, once all scenes are drawn; on a GPU one process learns while all cores draw.
base-model: $(BASE_MODEL_RUN)/codec_psnr.json  ## a base model of the built-in kind, in var/base-model; MINUTES, DEVICE=cuda, START_FROM
ifeq ($(DEVICE),cuda)
	$(BIN)/python -m gpu.pretrain.train $(PRETRAINING) --drawing-processes $(PROCESSES) --batch-factor 16 --scenes-factor 8 --first-share 0.02
else
	OMP_NUM_THREADS=1 $(BIN)/python -m torch.distributed.run --nproc-per-node $(PROCESSES) -m gpu.pretrain.train \
		$(PRETRAINING) --threads 1 --batch-factor 2 --drawing-processes $(PROCESSES)
endif
	$(BIN)/python -m gpu.pretrain.fit_refiner --run $(BASE_MODEL_RUN) --minutes $(REFINER_MINUTES)
	$(BIN)/python -m gpu.pretrain.publish --model $(BASE_MODEL_RUN)/model --codec $(BASE_MODEL_RUN)/vae_refined --to $(BASE_MODEL_RUN)/published
	$(BIN)/python -m gpu.pretrain.sample --model $(BASE_MODEL_RUN)/published --out $(BASE_MODEL_RUN)/sheet.png

report-engine: $(INSTALLED)  ## how well unseen styles are learned; ARGUMENTS="--only pencil neon" for some; var/report-engine/index.html
	$(BIN)/python -m tests.bench.quality --base-model $(BASE_MODEL) $(ARGUMENTS)

screenshots: $(INSTALLED)  ## every page at 360 and 1440, light and dark, en and ko, of the world of `make up`; var/screenshots
	tests/services.sh browser
	$(BIN)/python -m tests.browser.screenshots

var/lighthouse/node_modules:
	npm install --prefix var/lighthouse --no-audit --no-fund --loglevel error lighthouse@$(LIGHTHOUSE)

lighthouse: $(INSTALLED) var/lighthouse/node_modules  ## Lighthouse on seven pages of that world; var/lighthouse
	tests/services.sh browser
	$(BIN)/python -m tests.browser.lighthouse

db: $(INSTALLED)  ## psql on the embedded database while `make up` runs
	$(BIN)/python -m webapp.embedded.shell psql

shell: $(INSTALLED)  ## a shell in the embedded stack's environment: flask, celery, psql
	$(BIN)/python -m webapp.embedded.shell

clean:  ## forget the embedded stack's data and the virtual environment
	rm -rf var $(VENV)
