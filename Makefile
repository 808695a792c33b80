# onnx2c: `make demo` shows what it does, `make check` tests it, `make` alone builds build/onnx2c. `make help` lists the rest.
# Each installs by itself what the machine lacks.
BUILD  ?= build
PREFIX ?= /usr/local
CC     ?= cc
OPT    ?= -O2 -g
WERROR ?= -Werror
WARN    = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla $(WERROR)
CFLAGS += -std=c11 -D_GNU_SOURCE $(OPT) $(WARN) -I. -I$(BUILD)/gen
# Objects and the command go here; `make asan` and `make ubsan` put theirs beside it.
OUT    ?= $(BUILD)
# Models with inputs and expected outputs that may not be committed; tests that need them say so and skip.
SHARED ?= ../shared

.DELETE_ON_ERROR:
.PHONY: all help
all: $(OUT)/onnx2c

help:
	@sed -n 's/^#: //p' Makefile
#: all           build/onnx2c (the default)
#: demo          compile two exports of a graph attention network, run them, show what the rewrites did
#: check         the tests: units, cases, rules, models; a few minutes
#: conformance   the ONNX backend tests, by the evaluator and as generated C
#: check-cuda    programs for CUDA without a GPU: all graph networks, training and every tenth ONNX backend test, emulated
#: check-passes  the graph after every pass, checked by onnx.checker and run by ONNX Runtime
#: check-malformed   broken and hostile models, with and without sanitizers
#: bench-gnn     generated C beside PyTorch Geometric and ONNX Runtime, half an hour; ROWS='gat*-arxiv edgeconv-*' picks rows
#: gpu-check     the same on a GPU, with compute-sanitizer
#: bench-gpu     programs for CUDA beside PyTorch Geometric and cuSPARSE on a GPU, by $(GPU_PYTHON), which has them
#: bless         rewrite the expectations of the text cases; the diff is the review
#: asan, ubsan   the command with a sanitizer, in build/asan and build/ubsan
#: install       into $(PREFIX)/bin, PREFIX=/usr/local unless given
#: style         clang-format over our sources; style-check only says whether it would change any
#: clean         remove the build folder

# ---- what the machine lacks ------------------------------------------------------------------------------------
# Debian packages, each with a file that shows it is there.
PACKAGES = gcc:/usr/bin/gcc g++:/usr/bin/g++ libc6-dev:/usr/include/stdio.h clang:/usr/bin/clang \
           clang-format:/usr/bin/clang-format pkg-config:/usr/bin/pkg-config xz-utils:/usr/bin/xz \
           protobuf-c-compiler:/usr/bin/protoc-c libprotobuf-c-dev:/usr/include/protobuf-c/protobuf-c.h \
           libopenblas-dev:/usr/include/*/openblas*/cblas.h libcunit1-dev:/usr/include/CUnit/CUnit.h \
           python3:/usr/bin/python3 python3-venv:/usr/lib/python3*/ensurepip/__init__.py
MISSING := $(strip $(foreach p,$(PACKAGES),$(if $(wildcard $(lastword $(subst :, ,$p))),,$(firstword $(subst :, ,$p)))))
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo)

# The stamp is old as long as something is missing.
$(BUILD)/packages.ok: $(if $(MISSING),install-packages)
	@mkdir -p $(BUILD) && touch $@
.PHONY: install-packages
install-packages:
	@mkdir -p $(BUILD)
	@echo "installing $(MISSING)"
	@{ $(AS_ROOT) apt-get update -qq && $(AS_ROOT) env DEBIAN_FRONTEND=noninteractive \
	   apt-get install -y -qq --no-install-recommends $(MISSING); } >$(BUILD)/apt.log 2>&1 || \
	   { cat $(BUILD)/apt.log; echo "could not install: $(MISSING)"; exit 1; } >&2

# Python serves the tests alone, as other engines to compare with, and the schema below.
PYTHON = $(BUILD)/venv/bin/python
$(BUILD)/venv/ok: tests/requirements.txt | $(BUILD)/packages.ok
	@echo "setting up Python test oracles in $(BUILD)/venv"
	@python3 -m venv $(BUILD)/venv
	@$(BUILD)/venv/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt
	@touch $@

# ---- the ONNX schema, from the onnx package --------------------------------------------------------------------
$(BUILD)/gen/onnx-ml.pb-c.c $(BUILD)/gen/onnx-ml.pb-c.h &: $(BUILD)/venv/ok
	@mkdir -p $(BUILD)/gen
	@cp $(BUILD)/venv/lib/python3*/site-packages/onnx/onnx-ml.proto $(BUILD)/gen/onnx-ml.proto
	@cd $(BUILD)/gen && protoc-c --c_out=. onnx-ml.proto
$(BUILD)/gen/onnx-data.pb-c.c $(BUILD)/gen/onnx-data.pb-c.h &: $(BUILD)/gen/onnx-ml.pb-c.h
	@sed 's,"onnx/onnx-ml.proto","onnx-ml.proto",' $(BUILD)/venv/lib/python3*/site-packages/onnx/onnx-data.proto > $(BUILD)/gen/onnx-data.proto
	@cd $(BUILD)/gen && protoc-c --c_out=. onnx-data.proto

# ---- the command -----------------------------------------------------------------------------------------------
SOURCES  := $(sort $(wildcard frontend/*.c frontend/ops/*.c rewrite/*.c codegen/*.c runtime/*.c))
EMBEDDED := $(sort $(wildcard frontend/ops/*.onnxtxt frontend/ops/*.def rewrite/*.rules rewrite/*.onnxtxt runtime/*.c runtime/*.h runtime/*.cuh))
TEMPLATES := $(patsubst templates/%.c.t,%.t,$(sort $(wildcard templates/*.c.t))) \
             $(patsubst templates/%.cu.t,%.cu.t,$(sort $(wildcard templates/*.cu.t)))
OBJECTS  := $(SOURCES:%.c=$(OUT)/obj/%.o) $(patsubst %,$(OUT)/obj/gen/%.o,onnx-ml.pb-c onnx-data.pb-c embedded $(TEMPLATES))
LIBRARY   = $(filter-out $(OUT)/obj/codegen/main.o,$(OBJECTS))

$(BUILD)/embed: templates/embed.c | $(BUILD)/packages.ok
	@mkdir -p $(BUILD)
	@$(CC) -std=c11 -O1 $(WARN) $< -o $@
$(BUILD)/gen/embedded.c: $(BUILD)/embed $(EMBEDDED)
	@mkdir -p $(BUILD)/gen
	@$< $(EMBEDDED) > $@
$(BUILD)/template: templates/template.c | $(BUILD)/packages.ok
	@mkdir -p $(BUILD)
	@$(CC) -std=c11 -O1 $(WARN) $< -o $@
$(BUILD)/gen/%.cu.t.c: templates/%.cu.t $(BUILD)/template
	@mkdir -p $(BUILD)/gen
	@$(BUILD)/template $< > $@
$(BUILD)/gen/%.t.c: templates/%.c.t $(BUILD)/template
	@mkdir -p $(BUILD)/gen
	@$(BUILD)/template $< > $@
.SECONDARY: $(TEMPLATES:%=$(BUILD)/gen/%.c) # or make takes them for intermediate files and removes them
$(OUT)/obj/gen/%.t.o: $(BUILD)/gen/%.t.c codegen/template.h
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -c $< -o $@
$(OUT)/obj/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	@$(CC) -std=c11 $(OPT) -I. -c $< -o $@
$(OUT)/obj/%.o: %.c | $(BUILD)/gen/onnx-data.pb-c.h
	@mkdir -p $(@D)
	@echo "  cc $<"
	@$(CC) $(CFLAGS) -MMD -MP -c $< -o $@
$(OUT)/onnx2c: $(OBJECTS)
	@$(CC) $(CFLAGS) $^ -o $@ -lprotobuf-c -lm
-include $(wildcard $(OUT)/obj/*/*.d $(OUT)/obj/*/*/*.d)

.PHONY: asan ubsan install clean
SANITIZE = -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
asan:
	@$(MAKE) --no-print-directory OUT=$(BUILD)/asan OPT="$(SANITIZE) -fsanitize=address" $(BUILD)/asan/onnx2c $(BUILD)/asan/unit
ubsan:
	@$(MAKE) --no-print-directory OUT=$(BUILD)/ubsan OPT="$(SANITIZE) -fsanitize=undefined" $(BUILD)/ubsan/onnx2c $(BUILD)/ubsan/unit
install: $(OUT)/onnx2c
	install -D -m 755 $< $(DESTDIR)$(PREFIX)/bin/onnx2c
clean:
	rm -rf $(BUILD)

# ---- tests -----------------------------------------------------------------------------------------------------
UNITS := $(patsubst %.c,$(OUT)/obj/%.o,$(sort $(wildcard tests/unit/*.c)))
$(OUT)/unit: $(UNITS) $(LIBRARY)
	@$(CC) $(CFLAGS) $^ -o $@ -lcunit -lprotobuf-c -lm

.PHONY: check style style-check
check: export ONNX2C = $(abspath $(OUT)/onnx2c)
check: export SHARED_MODELS = $(SHARED)/models
check: $(OUT)/onnx2c $(OUT)/unit $(BUILD)/venv/ok
	@BUILD=$(BUILD) UNIT=$(OUT)/unit PYTHON=$(PYTHON) tests/check.sh

# The text cases' expectations, written anew.
.PHONY: bless demo
bless: $(OUT)/onnx2c
	@ONNX2C=$(abspath $(OUT)/onnx2c) tests/cases.test --bless
	@git diff --stat tests/cases 2>/dev/null || true # a tree without git is blessed, too

demo: $(OUT)/onnx2c $(BUILD)/venv/ok
	@$(PYTHON) models/demo.py $(OUT)/onnx2c $(BUILD)/demo

# The ONNX backend tests of the onnx package; what fails and why is in conformance.txt.
.PHONY: conformance
$(BUILD)/backend/manifest.txt: tests/conformance/generate.py | $(BUILD)/venv/ok
	@$(PYTHON) $< $(BUILD)/backend
conformance: $(OUT)/onnx2c $(BUILD)/backend/manifest.txt
	@$(PYTHON) tests/conformance/run.py $(OUT)/onnx2c $(BUILD)/backend $(BUILD)/conformance.txt
	@echo "what failed, and why: $(BUILD)/conformance.txt"

# Programs for CUDA, by the emulation in tests/cuda.
EVERY ?= 10
.PHONY: check-cuda
check-cuda: export ONNX2C = $(abspath $(OUT)/onnx2c)
check-cuda: export SHARED_MODELS = $(SHARED)/models
check-cuda: $(OUT)/onnx2c $(BUILD)/backend/manifest.txt
	@BUILD=$(BUILD) PYTHON=$(PYTHON) tests/cuda.test --all
	@NVCC=$(abspath tests/cuda/nvcc) $(PYTHON) tests/conformance/run.py $(OUT)/onnx2c $(BUILD)/backend $(BUILD)/conformance-cuda.txt \
	   --engine c --engine cuda --every $(EVERY)
	@echo "what failed, and why: $(BUILD)/conformance-cuda.txt"

# The same on a GPU; without one it says so.
.PHONY: gpu-check bench-gpu
gpu-check: export SHARED_MODELS = $(SHARED)/models
gpu-check: $(OUT)/onnx2c $(BUILD)/venv/ok
	@mkdir -p $(BUILD)/gpu
	@if [ -x $(SHARED)/models/expand.sh ]; then $(SHARED)/models/expand.sh $(BUILD)/gpu/gnn $(SHARED)/models/gnn/*/; fi
	@$(PYTHON) tests/check_gpu.py $(OUT)/onnx2c $(BUILD)/gpu/models models/digits/*/ $$(ls -d $(BUILD)/gpu/gnn/*/ 2>/dev/null)
bench-gpu: $(OUT)/onnx2c
	@nvidia-smi -L >/dev/null 2>&1 || { echo "bench-gpu: there is no GPU; nothing was timed"; exit 1; }
	@PYTHONDONTWRITEBYTECODE=1 $(GPU_PYTHON) tests/bench/gpu.py $(OUT)/onnx2c $(BENCH) $(SHARED) --rows '$(ROWS)' --modes $(MODES) --rounds $(ROUNDS)

# The graph after every pass, as other engines see it.
.PHONY: check-passes
check-passes: $(OUT)/onnx2c $(BUILD)/venv/ok
	@$(PYTHON) tests/check_passes.py $(OUT)/onnx2c $(BUILD)/passes

# Broken, hostile and odd models: what each should come to is in tests/malformed/generate.py.
.PHONY: check-malformed
check-malformed: $(OUT)/onnx2c $(BUILD)/venv/ok
	@$(MAKE) --no-print-directory OUT=$(BUILD)/sanitized OPT="$(SANITIZE) -fsanitize=address,undefined" $(BUILD)/sanitized/onnx2c
	@$(PYTHON) tests/malformed/generate.py $(BUILD)/malformed
	@$(PYTHON) tests/malformed/run.py $(BUILD)/malformed $(BUILD)/malformed_work $(OUT)/onnx2c $(BUILD)/sanitized/onnx2c

# ---- benchmarks: ratios to other engines measured in the same run, never times; see tests/bench/bench.py -----------
BENCH   = $(BUILD)/bench
ROWS   ?= *
THREADS ?= 1,2
ROUNDS ?= 7
GPU_PYTHON ?= python3 # with PyTorch for the GPU, PyTorch Geometric, onnx and onnxscript
MODES  ?= inference,training
BENCH_BUILD ?= # options of `onnx2c build` to measure, such as --blas openblas
.PHONY: bench-gnn
$(BENCH)/venv/ok: tests/bench/requirements.txt tests/bench/requirements-alone.txt tests/bench/absent_libraries.py | $(BUILD)/packages.ok
	@echo "setting up the engines to compare with in $(BENCH)/venv"
	@mkdir -p $(BENCH) && python3 -m venv $(BENCH)/venv
	@$(BENCH)/venv/bin/pip install -q --disable-pip-version-check -r tests/bench/requirements.txt
	@$(BENCH)/venv/bin/pip install -q --disable-pip-version-check --no-deps -r tests/bench/requirements-alone.txt 2>&1 | \
	   grep -v -e "dependency resolver" -e "which is not installed" || true
	@$(BENCH)/venv/bin/python tests/bench/absent_libraries.py $(BENCH)/venv/lib/python3*/site-packages/torch/lib
	@$(BENCH)/venv/bin/python -W ignore -c "import torch, torch_geometric" && touch $@
$(BENCH)/limits: tests/bench/limits.c | $(BUILD)/packages.ok
	@mkdir -p $(BENCH)
	@$(CC) -std=gnu11 -O3 -march=native $(WARN) -fopenmp $< -o $@
bench-gnn: $(OUT)/onnx2c $(BENCH)/venv/ok $(BENCH)/limits
	@PYTHONDONTWRITEBYTECODE=1 $(BENCH)/venv/bin/python tests/bench/bench.py $(OUT)/onnx2c $(BENCH) $(SHARED) --rows '$(ROWS)' --threads $(THREADS) \
	   --rounds $(ROUNDS) --modes $(MODES) -- $(BENCH_BUILD)

FORMATTED = $(sort $(wildcard tests/bench/*.c tests/cuda/*.h tests/cuda/*.cu runtime/*.cuh */*.c */*.h frontend/ops/*.c frontend/ops/*.h tests/unit/*.c tests/unit/*.h))
style: | $(BUILD)/packages.ok
	@clang-format -i $(FORMATTED)
style-check: | $(BUILD)/packages.ok
	@clang-format --dry-run -Werror $(FORMATTED)
