# Five-line recipes, for GNU make 3.81 and newer. `make` alone lists them.
# Another Python than the newest one found: make test PYTHON=/path/to/python

PY = .venv/bin/python
CLI = .venv/.cli
DEV = .venv/.dev
# Your own root module, which calls infra/: make deploy DIR=../my-account
DIR = infra/examples/simple
TERRAFORM = terraform -chdir=$(DIR)

.PHONY: help demo setup test test-all lint zip deploy destroy logs docs bench release clean

help:  ## list these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

demo: $(CLI)  ## a recorded day of an AWS account rings in chat (on this machine only)
	@.venv/bin/trailbell demo

setup: $(DEV)  ## make .venv with every extra: .venv/bin/trailbell

test: $(DEV)  ## the tests, under three minutes
	$(PY) -m pytest -n auto -m "not slow"

test-all: $(DEV)  ## the tests and the slow proofs
	THOROUGH=1 $(PY) -m pytest -n auto

lint: $(DEV)  ## ruff and mypy
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy

zip: $(CLI)  ## function.zip for Lambda (what it can do: bash zip_function.sh --help)
	bash zip_function.sh

deploy: $(CLI)  ## build the zip; Terraform shows what it would change, and asks (DIR=your/module)
	bash zip_function.sh --bare
	$(TERRAFORM) init -input=false
	$(TERRAFORM) apply

destroy:  ## Terraform shows what it would remove, and asks (DIR=your/module)
	$(TERRAFORM) destroy

logs:  ## follow the function's log (DIR=your/module)
	aws logs tail --since 1h --follow "/aws/lambda/$$($(TERRAFORM) output -raw function_name)"

docs: $(DEV)  ## write the generated pages of docs/ anew
	$(PY) scripts/docs.py

bench: $(DEV)  ## the speed figures
	$(PY) benchmarks/handler.py && $(PY) benchmarks/rules.py && $(PY) benchmarks/cold.py

release: $(CLI)  ## zip, wheel and SHA256SUMS into dist/
	rm -rf dist && mkdir dist && bash zip_function.sh --bare --output dist/function.zip
	$(PY) -m pip wheel --quiet --no-deps --wheel-dir dist .
	cd dist && { sha256sum *.whl *.zip* || shasum -a 256 *.whl *.zip*; } 2>/dev/null > SHA256SUMS

clean:  ## remove what the other verbs made
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist function.zip function.zip.json

$(PY):
	@python="$(PYTHON)"; python="$${python:-$$(sh scripts/find_python.sh)}" && \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "$$python is older than Python 3.11: make ... PYTHON=/path/to/a/newer/one"; exit 1; } && \
	echo "making .venv with $$python" && { "$$python" -m venv .venv || { rm -rf .venv; exit 1; }; }

# The stamps say what .venv holds; a changed pyproject.toml fills it anew.
$(CLI): pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[cli]'
	@touch $@

$(DEV): pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[cli,aws,dev]'
	@touch $(CLI) $@
