# One command per chore; each sets up what it needs. `make demo` and `make test` are all a
# newcomer needs. Override the interpreter with `make PYTHON=/path/to/python3.11 …`.
export PYTHON
# Nodes and workers are processes: what is compiled once must not be compiled at each start.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
OUT ?= demo-output

.PHONY: demo screenshots test lint protos bench soak audit wheel docs clean

demo:            ## The main job on real pupil data; ARGS=--console leaves it to persons at browsers
	@scripts/setup demo
	@$(BIN)/python examples/star/run.py --out $(OUT) $(ARGS)

screenshots:     ## Pictures of the console for the manual, taken in the demonstration's space
	@scripts/setup dev
	@$(BIN)/python examples/star/screenshots.py $(ARGS)

# One test more than there are cores: one of them usually waits for a process that it started.
test:            ## Every test, several at once; who is idle takes from others
	@scripts/setup dev
	@$(BIN)/python -m pytest -q -n $$(($$(nproc) + 2)) --dist worksteal $(ARGS)

lint:            ## Formatting, rules, types, import contracts
	@scripts/setup dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy connector policies_odrl federated audit
	$(BIN)/lint-imports --no-cache

protos:          ## Generate the gRPC code from protos/
	@scripts/setup dev
	$(BIN)/python -m grpc_tools.protoc -I protos --python_out=. --pyi_out=. --grpc_python_out=. \
	    protos/connector/peer/v1/*.proto

bench:           ## Measure; writes benchmarks/results.json and a table
	@scripts/setup dev
	@$(BIN)/python benchmarks/run.py $(ARGS)

soak:            ## Jobs under SIGKILL, 10,000 negotiations, fuzz of the faces; prints its seed
	@scripts/setup dev
	@$(BIN)/python benchmarks/soak.py $(ARGS)

audit:           ## Attack the training engine; a lower bound on ε, and planted faults
	@scripts/setup dev
	@$(BIN)/python -m audit $(ARGS)

wheel:           ## One file to install from, into dist/
	@scripts/setup dev
	$(BIN)/python -m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation \
	    --wheel-dir dist .

docs:            ## The manual, into site/; warnings are errors
	@scripts/setup dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean:           ## Remove what the other commands made
	rm -rf .venv site dist demo-output audit-output build *.egg-info
