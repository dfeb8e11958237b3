# The front door. Behind it stand CMake presets, pip, ctest and pytest; see CONTRIBUTING.md.
#   JOBS=n     how many compilers and tests run at once (default: one for each CPU)
.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/sh
JOBS ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
DEV := build/dev
# ccache: an object is the same in whatever folder it was built (package/subdirectory builds the library once more).
export CCACHE_NOHASHDIR := 1
CROSS := build/cross
SAMPLES := tests/data/internet-noise-v2.log tests/data/s3-delivery-v2.log.gz tests/data/no-header-no-final-newline-v2.log

.PHONY: help demo test integration sanitize fuzz coverage bench bench-guard bench-stages build setup configure format clean distclean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1@/p' Makefile | awk -F@ '{ printf "%-20s %s\n", $$1, $$2 }'

demo: configure ## set up, build the command, and summarise the sample logs of tests/data
	@cmake --build $(DEV) --target _core -j $(JOBS)
	@echo "$$ .venv/bin/flowlogs $(SAMPLES)"
	@.venv/bin/flowlogs $(SAMPLES)

test: build ## set up, build, and run every C++ and Python test but those of make integration
	@ctest --preset dev -LE aws -j $(JOBS) --output-log $(DEV)/test.log

integration: build ## AWS, against servers that stand in; another CPU's kernel, in an emulator; the C++ tests under sanitizers
	@ctest --preset dev -L aws -j $(JOBS) --output-log $(DEV)/integration.log
	@tools/setup.sh cross
	@mkdir -p build && cmake --fresh -G Ninja -S tests/cross -B $(CROSS) -DCMAKE_TOOLCHAIN_FILE=aarch64.cmake \
	  -DCMAKE_BUILD_TYPE=Release -DPython_EXECUTABLE="$(CURDIR)/.venv/bin/python" >build/cross.log 2>&1 || \
	  { cat build/cross.log; exit 1; }
	@cmake --build $(CROSS) -j $(JOBS)
	@ctest --test-dir $(CROSS) --no-tests=error --verbose
	@$(MAKE) --no-print-directory sanitize SANITIZERS="asan tsan"

# Every sanitizer is a build of its own; asan has what ubsan has, too. Loops over random cases are shorter: their code is
# slower, and they run in full without a sanitizer.
SANITIZERS := asan
sanitize: setup ## the C++ tests, fuzz corpora and Python's Arrow tests under sanitizers (SANITIZERS="asan ubsan tsan")
	@mkdir -p build; for preset in $(SANITIZERS); do \
	  cmake --preset $$preset >build/$$preset.log 2>&1 || { cat build/$$preset.log; exit 1; }; \
	  echo "building with $$preset" && cmake --build --preset $$preset -j $(JOBS) || exit 1; \
	  FLOWLOGS_CASES=$${FLOWLOGS_CASES:-100} ctest --preset $$preset -j $(JOBS) --output-log build/$$preset/test.log || exit 1; \
	done

fuzz: setup ## every fuzz target for MINUTES=2 minutes; what they learn is kept in tests/fuzz/corpus (ONLY=scan: one)
	@tools/setup.sh wall
	@mkdir -p build && cmake --preset fuzz >build/fuzz.log 2>&1 || { cat build/fuzz.log; exit 1; }
	@cmake --build --preset fuzz -j $(JOBS)
	@.venv/bin/python tools/fuzz.py --minutes $(or $(MINUTES),2) --jobs $(JOBS) $(ONLY)

coverage: setup ## what the C++ tests execute of include/ and lib/; fails below 95 % of lines, 85 % of branches
	@tools/setup.sh wall
	@mkdir -p build && cmake --preset coverage >build/coverage.log 2>&1 || { cat build/coverage.log; exit 1; }
	@cmake --build --preset coverage -j $(JOBS)
	@find build/coverage -name '*.gcda' -delete
	@FLOWLOGS_CASES=$${FLOWLOGS_CASES:-300} ctest --preset coverage -j $(JOBS) --output-log build/coverage/test.log >build/coverage/ctest.log || \
	  { tail -n 40 build/coverage/ctest.log; exit 1; }
	@gcovr --config tests/gcovr.cfg -j $(JOBS) --txt build/coverage/files.txt --print-summary

bench: setup ## flowlogs beside its peers: one run, one table (QUICK=1: a tenth, to try it)
	@tools/setup.sh bench
	@.venv/bin/python benchmarks/bench.py $(if $(QUICK),--quick)

bench-guard: setup ## fail if this tree is slower than the commit BASE
	@[ -n "$(BASE)" ] || { echo "make bench-guard BASE=<commit>"; exit 2; }
	@.venv/bin/python benchmarks/guard.py $(BASE)

bench-stages: configure ## the stages one by one, with Google Benchmark (ONLY=parse: one program)
	@cmake --build $(DEV) -j $(JOBS) --target $(if $(ONLY),$(ONLY)_benchmark,flowlogs_benchmarks)
	@for program in $(DEV)/benchmarks/$(or $(ONLY),*)_benchmark; do echo "$$ $$program"; "$$program" || exit 1; done

build: configure ## set up and build everything that the tests need
	@cmake --build $(DEV) -j $(JOBS)

setup: ## install what is missing (system packages, .venv)
	@tools/setup.sh

# Ninja configures again by itself when a CMake file changed; here is only what it cannot see.
configure: setup
	@if [ ! -f $(DEV)/build.ninja ] || [ CMakePresets.json -nt $(DEV)/configured ] || \
	    [ .venv/flowlogs-setup -nt $(DEV)/configured ]; then \
	  mkdir -p build && echo "configuring $(DEV)" && \
	  { cmake --fresh --preset dev >build/dev.log 2>&1 || { cat build/dev.log; exit 1; }; } && touch $(DEV)/configured; fi

format: ## clang-format every C++ file that git knows
	@command -v clang-format >/dev/null || { echo "make format needs clang-format (Debian: apt-get install clang-format)"; exit 1; }
	@git ls-files -z --cached --others --exclude-standard '*.h' '*.cc' | xargs -0 -r clang-format -i

clean: ## remove the build, keep .venv
	@rm -rf build bindings/python/flowlogs/_core*.so

distclean: clean ## remove .venv too
	@rm -rf .venv
