# The same commands people and CI use. Everything is installed into .venv inside the clone.
PYTHON ?= python3
RECORD ?=
SPEED ?= 1
SEED ?= 1
SHARE ?= 1
PROCESSES ?= 1
SCENARIO ?= baseline
SEEDS ?= 500
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
# What a campaign prints is kept for `make figures`, until the packages named here change.
KEEP := $(BIN)/python bench/results.py
SETTINGS := pyproject.toml constraints.txt
DEMO_STAMP := $(if $(RECORD),.venv/recordings.stamp,.venv/demo.stamp)

.PHONY: demo test check bench peers accuracy figures campaign-aarch64 campaign-board campaign-fuzz pictures
.PHONY: campaign-artifacts campaign-noise
.PHONY: firmware-manifest constraints clean
.DEFAULT_GOAL := demo

demo: $(DEMO_STAMP) .venv/kernels.stamp  ## a whole virtual chair; SCENARIO=iv a treatment, RECORD=path a recording, SPEED=20 or max
	@command -v mosquitto_sub >/dev/null || echo "optional: sudo apt install mosquitto mosquitto-clients   (a broker that speaks MQTT 5, and mosquitto_sub)"
	@$(BIN)/chairside demo --speed $(SPEED) $(if $(RECORD),--record '$(RECORD)',--scenario $(SCENARIO) --seed $(SEED))

test: .venv/dev.stamp .venv/kernels.stamp  ## every test that needs no hardware; skipped ones are listed with the reason
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

check: .venv/dev.stamp typings/.stamp  ## format, lint, types, firmware for both boards, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file mypy-firmware.ini
	$(BIN)/mypy --config-file mypy-firmware-pico2.ini
	$(BIN)/python bench/cross_compile.py
	$(BIN)/python bench/firmware_rules.py
	$(BIN)/lint-imports

campaign-board: .venv/dev.stamp  ## the board for 2 hours at each rate, twice; 100 wraps of its ticks; 10 million ticks: about 15 minutes
	$(KEEP) board firmware,hil/board,hil/models,hil/chair.py,hil/timecode.py nice -n 10 $(BIN)/python bench/campaign_board.py

.PHONY: docs campaign-mutation campaign-alarms
docs: .venv/dev.stamp docs/asyncapi.yaml  ## docs/alarms.md and asyncapi.yaml, from the code itself
	$(BIN)/python bench/alarms_page.py

campaign-mutation: .venv/dev.stamp  ## would a test notice each small change of gateway/alarms? About an hour; SHARE=0.1 is a sample
	$(KEEP) mutation gateway/alarms,tests/gateway/alarms $(BIN)/python bench/mutation.py --share $(SHARE) --processes $(PROCESSES)

campaign-alarms: .venv/dev.stamp  ## every alarm case against the truth of the simulated patient, and faults of the link: a quarter of an hour
	$(KEEP) alarms gateway,dsp,hil,firmware $(BIN)/hil alarms

figures: .venv/dev.stamp  ## docs/figures.md, from the recordings beside the clone
	$(BIN)/python bench/figures.py

accuracy: .venv/dev.stamp  ## beats and vitals against the references, by set and record
	$(BIN)/python bench/accuracy.py

.PHONY: docs/asyncapi.yaml
docs/asyncapi.yaml: .venv/dev.stamp  ## the MQTT contract for machines, from the types of the code
	$(BIN)/python -m gateway.asyncapi > $@

campaign-artifacts: .venv/dev.stamp  ## every artifact of the catalogue into many signals: nothing wrong is said; SEEDS=500
	$(KEEP) artifacts dsp,hil $(BIN)/python bench/campaign_artifacts.py --seeds $(SEEDS)

campaign-noise: .venv/dev.stamp  ## half an hour of noise of every colour: no pulse is found, nothing is called good
	$(KEEP) noise dsp,hil/noise.py,bench/campaign_noise.py $(BIN)/python bench/campaign_noise.py

bench: .venv/dev.stamp peers  ## ratios, measured side by side in one run: C, peers, start, tail, memory
	$(BIN)/python bench/speed.py

peers: .venv/dev.stamp  ## accuracy beside NeuroKit2, BioSPPy, HeartPy, wabp; docs/risk_coverage.png; needs the recordings
	@if [ -d "$${CHAIRSIDE_RECORDINGS:-../shared/waveforms}" ]; then $(MAKE) --no-print-directory .venv-peers/stamp; fi
	$(BIN)/python bench/peers.py

campaign-aarch64: .venv/dev.stamp  ## the same bits on an emulated Raspberry Pi; fetches Debian's arm64 Python into .aarch64
	$(KEEP) aarch64 dsp $(BIN)/python bench/aarch64.py

pictures: .venv/dev.stamp  ## the pictures of README, from the simulated patient
	$(BIN)/python bench/pictures.py

campaign-fuzz: .venv/dev.stamp  ## ten million damaged frames through the parser and the device
	$(KEEP) fuzz gateway/link nice -n 10 $(BIN)/python bench/fuzz_link.py 10000000 1

firmware-manifest: .venv/dev.stamp  ## write down the hashes of the firmware in this clone; after every change of it
	$(BIN)/python bench/firmware_manifest.py

constraints: .venv/dev.stamp  ## write down the versions installed now
	( echo "# Versions the project is tested with; made by 'make constraints'."; \
	  $(BIN)/pip freeze --exclude-editable ) > constraints.txt

clean:
	rm -rf .venv .venv-peers .aarch64 typings build dist

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python >= 3.11 is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/demo.stamp: .venv/bin/python $(SETTINGS)
	@echo "installing into .venv ..."
	$(PIP) --editable '.[embedded,rig]'
	@touch $@

.venv/kernels.stamp: .venv/demo.stamp $(wildcard dsp/kernels/*.py)
	@echo "compiling the signal processing (once) ..."
	@$(BIN)/python -c 'from dsp import kernels; kernels.load()'
	@touch $@

.venv/recordings.stamp: .venv/demo.stamp
	$(PIP) --editable '.[embedded,rig,recordings]'
	@touch $@

.venv/dev.stamp: .venv/bin/python $(SETTINGS)
	@echo "installing into .venv ..."
	$(PIP) --editable '.[dev]'
	@touch $@ .venv/demo.stamp .venv/recordings.stamp

# They must not touch what we are measured with.
.venv-peers/stamp: bench/peers-constraints.txt
	@echo "installing the peers into .venv-peers ..."
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --disable-pip-version-check --constraint bench/peers-constraints.txt \
	  neurokit2 biosppy heartpy peakutils
	@touch $@

# The stubs must not go into .venv: they shadow the host's own modules there.
typings/.stamp: $(SETTINGS)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --upgrade --target typings \
	  micropython-rp2-rpi-pico-stubs==1.29.0.post1
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --upgrade --target typings/pico2 \
	  micropython-rp2-rpi-pico2-stubs==1.29.0.post1
	@touch $@
