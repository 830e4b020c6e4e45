# Thin lines only: what a target does stands in tools/, grading/ or the tool that it calls.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin

export JUPYTER_PLATFORM_DIRS = 1

.PHONY: help start test check format book labs grade grade-report validate bench clean environment test-environment

help:            ## show this list
	@grep -hE '^[a-z-]+: .*##|^[a-z-]+:  *##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

start: environment  ## set up, then open JupyterLab on the welcome page (ARGS="--no-browser --port 8890")
	$(BIN)/python -m tools.start $(ARGS)

test: test-environment  ## everything: check, pytest, every notebook (ARGS="--only pytest")
	$(BIN)/python -m tools.test $(ARGS)

check: test-environment  ## lint, type hints, notebook form, spine of the chapters, twin cells, spelling
	$(BIN)/python -m tools.check

format: test-environment  ## let ruff format the Python files and the notebooks
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

book: environment  ## build the book into _build/html
	$(BIN)/python -m tools.book $(ARGS)

labs: environment  ## make labs/ from solutions/
	$(BIN)/python -m grading release $(ARGS)

grade: environment  ## grade a folder of submissions: make grade SUBMISSIONS=folder
	$(if $(SUBMISSIONS),,$(error name the folder of submissions: make grade SUBMISSIONS=folder))
	$(BIN)/python -m grading grade --submissions "$(SUBMISSIONS)" $(ARGS)

grade-report: environment  ## grade known wrong and right answers: how good are the labs' checks?
	$(BIN)/python -m grading prove $(ARGS)

validate: environment  ## the simulator beside published chips and other simulators
	$(BIN)/python -m tools.validate

bench: environment  ## full-size measurements, beside other libraries and simulators in the same run (half an hour)
	$(BIN)/python -m bench.imports
	$(BIN)/python -m bench.eie
	$(BIN)/python -m bench.eyeriss
	$(BIN)/python -m bench.systolic
	$(BIN)/python -m bench.compression
	$(BIN)/python -m bench.deep_compression
	$(BIN)/python -m bench.winograd
	$(BIN)/python -m bench.xnor
	$(BIN)/python -m bench.grading
	$(BIN)/python -m bench.grading --lab cost --submissions 20

clean:           ## remove what was built; the environment and the notebooks stay
	rm -rf _build .jupyter_cache .pytest_cache .ruff_cache .mypy_cache .hypothesis *.egg-info
	find . -name __pycache__ -prune -not -path './.venv*/*' -exec rm -rf {} +

environment:
	@$(PYTHON) tools/environment.py requirements.txt

test-environment: environment
	@$(PYTHON) tools/environment.py requirements.txt requirements-test.txt
