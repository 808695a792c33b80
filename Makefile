# onnx2c: `make` builds build/onnx2c, `make demo` shows what it does, `make check` tests it. `make help` lists the rest.
BUILD  ?= build
PREFIX ?= /usr/local
CC     ?= cc
OPT    ?= -O2 -g
WARN    = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
CFLAGS += -std=c11 -D_GNU_SOURCE $(OPT) $(WARN) -I. -I$(BUILD)/gen

# ---- what the machine lacks ------------------------------------------------------------------------------------
# Debian packages the build needs, each with a file that shows it is there.
PACKAGES = gcc:/usr/bin/gcc g++:/usr/bin/g++ clang:/usr/bin/clang pkg-config:/usr/bin/pkg-config \
           protobuf-c-compiler:/usr/bin/protoc-c libprotobuf-c-dev:/usr/include/protobuf-c/protobuf-c.h \
           libopenblas-dev:/usr/share/doc/libopenblas-dev libcunit1-dev:/usr/include/CUnit/CUnit.h \
           python3:/usr/bin/python3 python3-venv:/usr/share/doc/python3-venv clang-format:/usr/bin/clang-format
MISSING := $(strip $(foreach p,$(PACKAGES),$(if $(wildcard $(lastword $(subst :, ,$p))),,$(firstword $(subst :, ,$p)))))
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PYTHON_PACKAGES = onnx==1.23.2 onnxruntime==1.31.1 numpy==2.4.6
PYTHON  = $(BUILD)/venv/bin/python

all: $(BUILD)/onnx2c

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)
#: all           build/onnx2c
#: demo          compile the digits graph networks, run them, show what the rewrites did
#: check         all tests that take minutes
#: install       into $(PREFIX)
#: style         clang-format over our sources

.PHONY: all help packages
packages:
	@$(if $(MISSING),echo "installing: $(MISSING)"; $(SUDO) apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $(MISSING) libc6-dev libclang-rt-14-dev >$(BUILD)/apt.log,true)

# The stamp is remade only when something is missing.
$(BUILD)/packages.ok: $(if $(MISSING),packages-missing)
	@mkdir -p $(BUILD)
	@$(MAKE) --no-print-directory packages
	@touch $@
.PHONY: packages-missing
packages-missing:

$(BUILD)/venv/ok: Makefile | $(BUILD)/packages.ok
	@echo "setting up Python test oracles in $(BUILD)/venv"
	@python3 -m venv $(BUILD)/venv
	@$(BUILD)/venv/bin/pip install -q --disable-pip-version-check $(PYTHON_PACKAGES)
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
EMBEDDED := $(sort $(wildcard frontend/ops/*.onnxtxt frontend/ops/*.def rewrite/*.rules runtime/*.c runtime/*.h templates/*.t))
OBJECTS  := $(SOURCES:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/gen/onnx-ml.pb-c.o $(BUILD)/obj/gen/onnx-data.pb-c.o $(BUILD)/obj/gen/embedded.o
LIBRARY   = $(filter-out $(BUILD)/obj/codegen/main.o,$(OBJECTS))

$(BUILD)/embed: templates/embed.c | $(BUILD)/packages.ok
	@$(CC) -std=c11 -O1 $(WARN) $< -o $@
$(BUILD)/gen/embedded.c: $(BUILD)/embed $(EMBEDDED)
	@mkdir -p $(BUILD)/gen
	@$< $(EMBEDDED) > $@
$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	@$(CC) -std=c11 $(OPT) -I. -c $< -o $@
$(BUILD)/obj/%.o: %.c $(BUILD)/gen/onnx-data.pb-c.h
	@mkdir -p $(@D)
	@echo "  cc $<"
	@$(CC) $(CFLAGS) -MMD -c $< -o $@
$(BUILD)/onnx2c: $(OBJECTS)
	@$(CC) $(CFLAGS) $^ -o $@ -lprotobuf-c -lm
-include $(wildcard $(BUILD)/obj/*/*.d $(BUILD)/obj/*/*/*.d)

.PHONY: clean style
clean:
	rm -rf $(BUILD)
style:
	clang-format -i $(sort $(wildcard */*.c */*.h frontend/ops/*.c frontend/ops/*.h))
