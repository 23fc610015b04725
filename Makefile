# Myelin. `make help` explains every target.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# One configuration for everything: what is tested is what runs. CONFIG=debug for a faster loop while editing.
CONFIG ?= release
PREFIX ?= /usr
DESTDIR ?=
VERSION ?= $(shell sed -n 's/.*static let text = "\(.*\)"/\1/p' Sources/MeshControl/NodeAdmin.swift)
KEEP ?= 0
QUICK ?= 0
BENCH_OUT ?= .build/bench
# Of each fuzz target; TARGET names one.
RUNS ?= 10000000
TARGET ?=

BIN := .build/$(CONFIG)
UNITS := $(wildcard systemd/*.service systemd/*.socket systemd/*.slice)
SWIFT := $(shell scripts/swift-path.sh)
# Swift's own clang compiles for the kernel too.
CLANG := $(shell command -v clang || echo $$(dirname $$(readlink -f $(SWIFT)))/clang)
SWIFT_FILES := Package.swift Sources Tests Fuzz
C_FILES := $(shell git ls-files 'bpf/*.c' 'bpf/*.h' 'Sources/*.c' 'Sources/*.h' 'Fuzz/*.c' 'Fuzz/*.h' 2>/dev/null)
PHASE := scripts/phase.sh
# Tests that need root, namespaces and the kernel programs; they run one after the other.
ROOT_TESTS := ^(NodeTests|MeshBPFTests)\.
# Tests of servers and clients that await each other, one module after the other: beside tests that block threads they would wait for those.
SERVER_TESTS := MeshAdminTests MeshAuthorityTests MeshStoresTests MeshWorkloadAPITests MeshIdentityTests

# Takes all processors for seconds: beside it leases of other tests would end.
SCALE_TESTS := ^MeshStoresTests\.EtcdScaleTests

.PHONY: help setup build bpf test unit node-tests deb systemd-test check format lint demo demo-down lab lab-down bench fuzz install uninstall clean

help: ## list the targets (this text)
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  CONFIG=debug builds faster; KEEP=1 leaves the demo up; QUICK=1 shortens the benchmark to about three minutes."

setup: ## install the Debian packages that are missing and check toolchain, kernel, cgroups, bpffs
	@scripts/setup.sh all

build: ## compile the programs, the tests and the kernel programs
	@scripts/setup.sh build
	@$(PHASE) "build" $(SWIFT) build -c $(CONFIG) --build-tests
	@$(MAKE) --no-print-directory bpf

bpf: ## compile the kernel programs and put them beside the daemon
	@mkdir -p .build/bpf
	@$(PHASE) "kernel programs" $(MAKE) --no-print-directory -C bpf OUT=$(CURDIR)/.build/bpf CLANG=$(CLANG)
	@if [ -d $(BIN) ]; then cp .build/bpf/*.bpf.o $(BIN)/; fi

test: ## everything: build, unit tests in parallel, node tests one by one as root (what the README promises)
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory build unit node-tests; status=$$?; scripts/phase.sh --summary; exit $$status

unit: ## unit tests and the repository's own lint, in parallel, without privileges (after `make build`)
	@scripts/consul.sh .build/peers
	@scripts/peers.sh .build/peers
	@$(PHASE) "unit tests" $(SWIFT) test -c $(CONFIG) --skip-build --disable-xctest --parallel --skip '$(ROOT_TESTS)' \
		$(foreach module,$(SERVER_TESTS),--skip '^$(module)\.')
	@for module in $(SERVER_TESTS); do \
		$(PHASE) "$$module" $(SWIFT) test -c $(CONFIG) --skip-build --disable-xctest --parallel --filter "^$$module\." \
			--skip '$(SCALE_TESTS)'; \
	done
	@$(PHASE) "scale tests" $(SWIFT) test -c $(CONFIG) --skip-build --disable-xctest --filter '$(SCALE_TESTS)'

node-tests: ## tests with real kernel programs and namespaces, as root, one by one (after `make build`)
	@scripts/envoy.sh .build/peers
	@scripts/peers.sh .build/peers
	@$(PHASE) "node tests" scripts/node-tests.sh $(CONFIG) '$(ROOT_TESTS)'

check: lint test systemd-test ## what CI runs: lint, test and systemd-test

format: ## rewrite Swift and C in the project's style
	$(SWIFT) format --configuration .swift-format --in-place --parallel --recursive $(SWIFT_FILES)
	clang-format -i $(C_FILES)

deb: ## the Debian package, in .build/deb: VERSION=0.1.0 (docs/systemd.md)
	@scripts/setup.sh deb
	@$(MAKE) --no-print-directory bpf
	@scripts/deb.sh $(VERSION) .build/deb

systemd-test: ## the package on two machines with systemd: install, enrol, restart, kill, upgrade, remove; as root
	@scripts/setup.sh systemd
	@$(MAKE) --no-print-directory deb
	@PROGRAMS=.build/static/release scripts/deb.sh $(VERSION)+next .build/deb
	@$(PHASE) "debian for systemd" scripts/systemd/rootfs.sh .build/rootfs
	@$(PHASE) "package under systemd" scripts/systemd/test.py .build/rootfs .build/deb/myelin_$(VERSION)_*.deb .build/deb/myelin_$(VERSION)+next_*.deb

lint: ## complain about style without changing anything
	@scripts/setup.sh lint
	@$(PHASE) "format of Swift" $(SWIFT) format lint --strict --parallel --configuration .swift-format --recursive $(SWIFT_FILES)
	@$(PHASE) "format of C" clang-format --dry-run --Werror $(C_FILES)
	@$(PHASE) "scripts" bash -n scripts/*.sh scripts/systemd/*.sh .ci/run

demo: ## two nodes, twelve services, every call tried; KEEP=1 leaves it up
	@scripts/setup.sh demo
	@$(MAKE) --no-print-directory programs
	@$(BIN)/myelin-lab demo $(if $(filter 1,$(KEEP)),--keep)

demo-down: ## remove what `make demo KEEP=1` left up
	@$(BIN)/myelin-lab down demo

lab: ## raise the demo's two nodes without testing them, to explore
	@scripts/setup.sh demo
	@$(MAKE) --no-print-directory programs
	@$(BIN)/myelin-lab up

lab-down: ## remove the laboratory
	@$(BIN)/myelin-lab down

bench: ## L4, HTTP/1.1 and HTTP/2 tables against Envoy, HAProxy and nginx, paired in one run; QUICK=1 for a short one
	@scripts/setup.sh bench
	@scripts/envoy.sh .build/peers
	@$(MAKE) --no-print-directory programs
	@mkdir -p $(BENCH_OUT)
	@$(BIN)/myelin-bench --envoy .build/peers/envoy --output $(BENCH_OUT)/results.json $(if $(filter 1,$(QUICK)),--quick)

fuzz: ## feed the parsers with arbitrary bytes: RUNS=10000000 TARGET=http1-head (docs/fuzzing.md; without TARGET all of them)
	@scripts/setup.sh build
	@scripts/fuzz.sh $(RUNS) $(TARGET)

# The programs without the tests: what demo, lab, bench and install need.
.PHONY: programs
programs:
	@$(PHASE) "build" $(SWIFT) build -c $(CONFIG)
	@$(MAKE) --no-print-directory bpf

install: ## install daemon, command line, kernel programs and unit files below $(DESTDIR)$(PREFIX)
	@$(MAKE) --no-print-directory programs
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/myelin
	install -d $(DESTDIR)/lib/systemd/system $(DESTDIR)/etc/myelin/registry $(DESTDIR)/etc/myelin/policy
	install -m 0755 $(BIN)/myelind $(DESTDIR)$(PREFIX)/sbin/myelind
	install -m 0755 $(BIN)/myelinctl $(DESTDIR)$(PREFIX)/bin/myelinctl
	install -m 0644 .build/bpf/*.bpf.o $(DESTDIR)$(PREFIX)/lib/myelin/
	install -m 0644 $(UNITS) $(DESTDIR)/lib/systemd/system/
	@echo "Write /etc/myelin/node.yaml (README, Configuration), then: systemctl daemon-reload && systemctl enable --now myelind"

uninstall: ## remove what `make install` put there; configuration and state stay
	rm -f $(DESTDIR)$(PREFIX)/sbin/myelind $(DESTDIR)$(PREFIX)/bin/myelinctl
	rm -rf $(DESTDIR)$(PREFIX)/lib/myelin
	cd $(DESTDIR)/lib/systemd/system && rm -f $(notdir $(UNITS))

clean: ## remove everything that was built here
	rm -rf .build
	-$(MAKE) --no-print-directory -C bpf clean
