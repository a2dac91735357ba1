# `make` lists the targets. Those without a place in their name run on this kernel as root of a cgroup v2
# machine, and in a microVM elsewhere (.ci/where decides). Settings, as in `make test KERNEL=6.1`:
#
#   KERNEL=6.1|FILE       boot this kernel (make kernels lists them), so: in the microVM
#   ARCH=arm64            in a microVM of that processor, emulated on another one (with KERNEL=6.12-16k: pages of 16 KiB)
#   WHERE=native|vm       do not choose, run there
#   VMFLAGS='…'           more flags for the microVM, for example -snapshot=false to boot each
#   TESTFLAGS='…'         more flags for go test, for example -run=TestRecipe -v
#   PKGS='…'              other packages than all
#   SUITE=bookworm        the Debian of make test-distro, STEPS='limits oomd' some of its steps, FULL=1 compiled there
#   BENCHTIME=2s          how long each benchmark runs
#   FUZZTIME=10m          how long each fuzz test runs
#   MAX=… STEP=…          limits and steps of a sweep, SHARD=0/4 a part of it, OUT=dir where its results go, or go on
#                         (REBUILT=1 with those of another build of the service)

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

ARCH      ?=
KERNEL    ?= $(if $(ARCH),$(or $(OOMCAGE_KERNEL),6.12))
WHERE     ?= $(if $(KERNEL),vm,$(shell .ci/where))
TESTFLAGS ?=
VMFLAGS   ?=
PKGS      ?= ./...
BENCHTIME ?= 1s
FUZZTIME  ?= 60s
cache     := .cache
SUITE     ?= trixie
STEPS     ?=
MAX       ?= 32MiB..384MiB+32MiB
STEP      ?= 10MiB,20MiB
SHARD     ?=
OUT       ?=
# As they were written: make itself would take away the dollar of a pattern, and what follows it.
flags     := $(value TESTFLAGS)
# What runs the tests: `go test`, or what takes its flags.
GO_TEST   ?= go test
# The harness's own tests take 7 minutes in an emulated guest, and 18 on a machine that does much else
# (2026-11); go test gives up after 10.
time_limit = -timeout=40m

ifneq ($(filter-out help deps clean,$(or $(MAKECMDGOALS),help)),)
ifeq ($(shell command -v go 2>/dev/null),)
$(error go is not on the PATH. With sudo: sudo env "PATH=$$PATH" make …)
endif
endif
ifeq ($(filter native vm,$(WHERE)),)
$(error WHERE is native or vm, not '$(WHERE)')
endif
ifneq ($(ARCH),)
ifeq ($(filter amd64 arm64,$(ARCH)),)
$(error ARCH is amd64 or arm64, not '$(ARCH)')
endif
ifneq ($(WHERE),vm)
$(error ARCH is that of the microVM: without WHERE=$(WHERE))
endif
endif

# The kernel of the microVM: KERNEL or $OOMCAGE_KERNEL where given, else the newest that was fetched, which
# is one that CI runs on. A file's path is made absolute, since go test changes directory.
asked  = $(or $(KERNEL),$(OOMCAGE_KERNEL))
kernel = $(shell [ -z "$(asked)" ] || realpath -e -- "$(asked)" 2>/dev/null || echo "$(asked)")
in_vm  = OOMCAGE_KERNEL="$(kernel)"$(if $(ARCH), GOARCH=$(ARCH))
# Built, and not `go tool oomcage`, which ends with 0 when a signal ends its tool (Go 1.26): a guest that somebody
# kills would be a test that passed. The quotes are for a folder with spaces in its name.
oomcage = '$(CURDIR)/$(cache)/bin/oomcage'
vm      = $(oomcage) vm$(if $(ARCH), -arch $(ARCH))$(if $(VMFLAGS), $(VMFLAGS))
# For the tests of swap, and of the page cache, which takes a disk.
test_disks = -swap 256M -scratch 512M
# What the microVM needs before it can boot: a kernel that is a file here need not be fetched.
vm_setup := $(cache)/bin/oomcage deps $(shell [ -n "$(asked)" ] && [ -f "$(asked)" ] || echo boot-kernel)

##@ The two that do all the set-up by themselves

.PHONY: demo
demo: demo-$(WHERE) ## watch a real kernel kill a real service

.PHONY: test
test: test-$(WHERE) ## all tests

##@ The place chosen by you

.PHONY: demo-native
demo-native: ## the demo on this kernel: cgroup v2, and root or a delegated cgroup
	@go tool oomcage demo

.PHONY: demo-vm
demo-vm: $(vm_setup) ## the demo in a microVM
	@$(in_vm) $(vm) -build ./app -- oomcage demo

.PHONY: test-native
test-native: ## all tests on this kernel: cgroup v2, and root or a delegated cgroup
	OOMCAGE_STRICT=1 $(GO_TEST) -count=1 $(time_limit) $(flags) $(PKGS)

.PHONY: test-vm
test-vm: $(vm_setup) ## all tests in a microVM: any user (KERNEL=6.1|FILE)
	$(in_vm) OOMCAGE_STRICT=1 $(GO_TEST) -count=1 $(time_limit) -exec "$(vm) $(test_disks) -build ./app" $(flags) $(PKGS)

.PHONY: test-distro
test-distro: ## all tests, users, units, oomd, zram and more in a real Debian with systemd (SUITE=bookworm; as root or with sudo)
	@.ci/distro/run $(SUITE) $(STEPS)

.PHONY: test-kubernetes
test-kubernetes: ## Kubernetes in a Debian 13: docs/kubernetes.md runs there, pods are watched (as root or with sudo; builds Kubernetes once)
	@.ci/kubernetes/run $(STEPS)

# go test -list prints the names of a package's tests before the package, and fuzzes one test a time. To make what it finds smaller, it
# would take a minute each time, which is all of FUZZTIME.
.PHONY: fuzz
fuzz: ## fuzz the parsers, one after the other: any user, no microVM (FUZZTIME=60s)
	@go test -list='^Fuzz' $(PKGS) | awk '/^Fuzz/ {name[n++] = $$1} /^ok/ {for (i = 0; i < n; i++) print $$2, name[i]; n = 0}' \
	| while read -r pkg name; do \
		echo "== $$name"; \
		$(GO_TEST) -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=100x $(flags) "$$pkg" </dev/null; \
	done

.PHONY: test-browser
test-browser: ## the page of oomcage report in Chromium, screenshots into artifacts/browser (as root or with sudo)
	@.ci/install chromium:chromium
	@ARTIFACTS="$(CURDIR)/artifacts/browser" go test -C .ci/tools/browser -count=1 $(flags) .

.PHONY: programs programs-update
programs: $(vm_setup) ## Debian's redis, PostgreSQL, JVM, gcc and others in cages, as docs/programs.md has them, in microVMs (as root or with sudo)
	@$(if $(ARCH),$(error these programs are this machine's: without ARCH))rm -rf "$(CURDIR)/artifacts/programs"
	@$(oomcage) kernels | grep '^6.1 ' >/dev/null || $(oomcage) kernels fetch 6.1 >/dev/null # a JVM that sees its limit
	@$(in_vm) ARTIFACTS="$(CURDIR)/artifacts/programs" $(GO_TEST) -C .ci/tools/programs -count=1 $(time_limit) $(flags) .

programs-update: override flags += -update
programs-update: programs # and docs/programs.md is written

##@ Measuring

.PHONY: bench
bench: bench-$(WHERE) ## benchmarks of the library and of the service (BENCHTIME=1s)

.PHONY: bench-native
bench-native:
	@go test -count=1 -p=1 -run='^$$' -bench=. -benchtime=$(BENCHTIME) $(flags) ./app ./harness ./harness/sweep

.PHONY: bench-vm
bench-vm: $(vm_setup)
	@$(in_vm) go test -count=1 -p=1 -exec "$(vm) -build ./harness/testdata/trivial" -run='^$$' -bench=. -benchtime=$(BENCHTIME) $(flags) ./app ./harness ./harness/sweep

.PHONY: scenarios
scenarios: $(vm_setup) ## the figures of docs/scenarios.md, measured now (KERNEL=6.1|FILE)
	@$(in_vm) OOMCAGE_STRICT=1 go test -count=1 $(time_limit) -v -run='^TestScenarios' -exec "$(vm) $(test_disks) -build ./app" $(flags) ./harness | awk -f .ci/scenarios.awk

out := $(or $(OUT),$(cache)/sweep/$(shell date +%Y%m%d-%H%M%S))
# The file goes along into the microVM, and comes back from it as -outputdir does, wherever it is.
sweep_vm = $(if $(filter vm,$(WHERE)),-exec "$(vm) -mem 2GiB -build ./app -add '$$results'")
again = make sweep WHERE=$(WHERE)$(if $(ARCH), ARCH=$(ARCH))$(if $(KERNEL), KERNEL='$(KERNEL)') MAX='$(MAX)' STEP='$(STEP)'$(if $(SHARD), SHARD=$(SHARD)) OUT='$(out)'

# The lock is a file that no other user can open: flock locks what can be read, and the results may be for all to read.
# The test itself fails where a point could not be run. Those of other shards, which the CI system may have told it
# of, are none of its business, so the page is -partial.
.PHONY: sweep
sweep: $(if $(filter vm,$(WHERE)),$(vm_setup),$(cache)/bin/oomcage) ## the service over a grid, and a page of it (MAX=64MiB..256MiB+32MiB STEP=10MiB,20MiB OUT=dir)
	@mkdir -p "$(out)"; mask=$$(umask); umask 077; exec 9>>"$(out)/.lock"; umask $$mask; flock -n 9 || { echo "another sweep writes to $(out): wait for its end, or name another folder by OUT=" >&2; exit 2; }; \
	results="$$(realpath "$(out)")/results.jsonl"; page="$${results%/*}/report.html"; status=0; \
	[ ! -s "$$results" ] || echo "going on with $$results: what it has is not run again"; \
	touch "$$results"; \
	$(in_vm) OOMCAGE_STRICT=1 go test -count=1 $(time_limit) -v -run='^TestSweep$$' -outputdir "$(out)" $(sweep_vm) $(flags) . \
		-args -max '$(MAX)' -step '$(STEP)' $(if $(SHARD),-shard '$(SHARD)') $(if $(REBUILT),-rebuilt) -out "$$results" | grep -v '^=== ' || status=$$?; \
	[ -s "$$results" ] || { rm "$$results"; exit $$status; }; \
	[ $$status = 0 ] || echo "what was run is kept in $$results; to go on: $(again)" >&2; \
	code=0; $(oomcage) report -partial "$$results" -o "$$page" || code=$$?; \
	[ $$code -gt 1 ] || echo "the page: $$page"; \
	[ $$code = 0 ] || status=$$code; \
	exit $$status

.PHONY: cover
cover: override flags += -coverpkg=./... -coverprofile="$(CURDIR)/$(cache)/cover/all.out"
cover: $(cache)/cover test-$(WHERE) ## statement coverage over all packages, into .cache/cover
	@go tool cover -html=$(cache)/cover/all.out -o $(cache)/cover/all.html
	@go tool cover -func=$(cache)/cover/all.out | tail -n 1
	@echo "line by line: $(cache)/cover/all.html"

$(cache)/cover:
	@mkdir -p $@

##@ Set-up

qemu_amd64 := qemu-system-x86_64:qemu-system-x86
qemu_arm64 := qemu-system-aarch64:qemu-system-arm

.PHONY: deps
deps: ## install QEMU and mkfs.ext4 with apt-get if they are missing (as root or with sudo)
	@.ci/install $(qemu_$(or $(ARCH),$(shell go env GOARCH))) mkfs.ext4:e2fsprogs

# Of several kernels that CI wants, one boots. What is there already, fetched or added, is not asked for again.
.PHONY: boot-kernel
boot-kernel: $(cache)/bin/oomcage
	@$(if $(asked),$(oomcage) kernels$(if $(ARCH), --arch $(ARCH)) | grep '^$(asked) ' >/dev/null || )$(oomcage) kernels fetch$(if $(ARCH), --arch $(ARCH)) $(asked) >/dev/null

.PHONY: kernels
kernels: $(cache)/bin/oomcage ## fetch Debian's kernels 6.1, 6.12, 6.18 and its newest, or that of ARCH, into the user's cache (no root)
	@$(oomcage) kernels fetch $(if $(ARCH),--arch $(ARCH) $(KERNEL),all)$(if $(filter kernels,$(MAKECMDGOALS)),, >/dev/null) # the list of them is for those who ask

##@ Code

.PHONY: lint
lint: $(cache)/bin/golangci-lint $(cache)/bin/actionlint ## check code, workflows, scripts and go.mod (types of the page's script: needs tsc)
	@$(cache)/bin/golangci-lint run --allow-parallel-runners
	@$(cache)/bin/actionlint
	@sed -n '/^```yaml/,/^```$$/{//!p}' docs/compare.md | $(cache)/bin/actionlint -
	@sed -n '/^# .github/,/^```$$/{/^```/!p}' docs/ci.md | $(cache)/bin/actionlint -
	@for module in . .ci/tools/browser .ci/tools/bundle .ci/tools/kubernetes .ci/tools/programs .ci/tools/testcontainers; do go -C $$module mod tidy -diff; done
	@go -C .ci/tools/kubernetes test .
	@go -C .ci/tools/imports test -count=1 .
	@go -C .ci/tools/programs test -run 'Page|Names' .
	@go -C .ci/tools/bundle test -count=1 .
	@! command -v tsc >/dev/null || tsc -p harness/report/page
	@! command -v shellcheck >/dev/null || shellcheck .ci/tools/kubelet/make .ci/run .ci/install .ci/installed .ci/publish .ci/slurm .ci/where .ci/remedies .ci/containers .ci/watched .ci/distro/* $(filter-out %.yaml,$(wildcard .ci/kubernetes/*))

# What builds on any machine: judgement, results and reports.
anywhere := ./harness/outcome ./harness/sweep ./harness/report ./harness/compare
.PHONY: anywhere
anywhere: ## build and vet for macOS, Windows and arm64 what runs there; run its tests as WebAssembly, and the page's (needs node)
	@for at in darwin/arm64 windows/amd64 linux/arm64; do \
		echo "$$at"; export GOOS=$${at%/*} GOARCH=$${at#*/}; \
		go vet $(anywhere) ./harness/cmd/oomcage && go build -o /dev/null ./harness/cmd/oomcage || exit; \
	done
	@echo js/wasm; PATH="$$PATH:$$(go env GOROOT)/lib/wasm" GOOS=js GOARCH=wasm go test -count=1 $(anywhere)
	@node --test --test-reporter=spec harness/report/page/*.test.mjs

.PHONY: fmt
fmt: $(cache)/bin/golangci-lint ## format all Go files
	@$(cache)/bin/golangci-lint fmt

.PHONY: clean
clean: ## remove what these targets made here: tools, coverage, test artifacts (kernels: oomcage kernels remove all)
	rm -rf $(cache) artifacts

.PHONY: help
help:
	@awk -F ':.*## ' '/^##@ /{printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# The command as one static file, which is what a microVM without anything else can run. The go command
# knows better than make what it is made from.
.PHONY: $(cache)/bin/oomcage
$(cache)/bin/oomcage:
	@CGO_ENABLED=0 go build -o $@ ./harness/cmd/oomcage

# Each tool has a module of its own below .ci/tools, which pins its version.
$(cache)/bin/%: .ci/tools/%/go.mod .ci/tools/%/go.sum
	@echo "building $* (once)"
	@GOBIN="$(CURDIR)/$(cache)/bin" go -C .ci/tools/$* install tool
	@touch $@
