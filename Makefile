# podflame: one non-recursive Makefile. `make help` lists what it can do.
#
# Every source file of a room is built; a new .c needs no line here.
#   V=1                           print whole commands
#   DEVELOPER=1                   warnings are errors
#   SANITIZE=address,undefined    build with these sanitizers, in a build folder of its own
#   CC=clang                      likewise

SHELL := /bin/bash
.DEFAULT_GOAL := all

VERSION := 0.1.0

PREFIX  ?= /usr/local
DESTDIR ?=
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSCONFDIR ?= /etc

CC        ?= cc
ifeq ($(origin CC),default)
CC        := gcc
endif
PKG_CONFIG ?= pkg-config
# Debian's own, which finds Debian's packages.
PYTHON    ?= /usr/bin/python3
CFLAGS    ?= -O2 -g
SANITIZE  ?=

comma   := ,
empty   :=
space   := $(empty) $(empty)
variant := $(notdir $(firstword $(CC)))$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
B       := build/$(variant)
GEN     := build/gen

# ---- what is built -----------------------------------------------------------

# The rooms, and for each one the rooms below it that it may call.
rooms := nsutil elfsym pystack client find sample profile format send serve collect health confine command

path_nsutil  := nsutil
path_elfsym  := elfsym
path_pystack := pystack
$(foreach r,client find sample profile format send serve collect health confine command,$(eval path_$(r) := agent/$(r)))

below_pystack := nsutil elfsym
below_find    := client pystack nsutil elfsym
below_sample  := pystack nsutil elfsym profile
below_format  := profile
below_send    := client format profile
below_serve   := format profile
below_collect := serve format profile
below_health  := serve send client format profile
below_command := find sample send collect health confine serve client format profile pystack nsutil elfsym

# A room's files, and those of its folders.
sources  = $(wildcard $(path_$(1))/*.c $(path_$(1))/*/*.c)
archives = $(foreach room,$(1),$(B)/$(room).a)
objects  = $(patsubst %.c,$(B)/%.o,$(1))

main := agent/main.c

libs    := libelf libcap json-c libcurl zlib libmicrohttpd sqlite3 libprotobuf-c libxxhash libseccomp ncursesw
LIBS     = $(shell $(PKG_CONFIG) --libs $(libs)) -lpthread -lm
PKGFLAGS = $(shell $(PKG_CONFIG) --cflags $(libs))

warnings := -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith \
            -Wwrite-strings -Wundef -Wformat=2 -Wcast-qual -fno-common
ifdef DEVELOPER
warnings += -Werror
endif

ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -DPODFLAME_VERSION='"$(VERSION)"' -DPODFLAME_GEN='"$(GEN)"' \
             -I. -I$(GEN) $(warnings) -fstack-protector-strong -MMD -MP $(PKGFLAGS) $(CFLAGS)
ifneq ($(SANITIZE),)
ALL_CFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS    += -fsanitize=$(SANITIZE)
endif

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

.PHONY: all
all: $(B)/podflame build/podflame ## build the program: build/podflame

$(B)/podflame: $(call objects,$(main)) $(call archives,command $(below_command))
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

define room_rules
$(B)/$(1).a: $(call objects,$(call sources,$(1))) $(call objects,$(generated_$(1)))
	$$(say) AR $$@
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef

# The last built variant is the one that people and tests call.
build/podflame: $(B)/podflame FORCE
	$(Q)ln -sf $(variant)/podflame $@

.PHONY: FORCE
FORCE:

$(B)/%.o: %.c
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# ---- generated sources -------------------------------------------------------

# pprof's messages, by protobuf-c; the flame graph and the collector's page, each
# bundled from npm into one self-contained html file, embedded by the assembler.
generated_format := $(GEN)/pprof.pb-c.c

$(GEN)/pprof.pb-c.c $(GEN)/pprof.pb-c.h &: agent/format/pprof.proto
	$(say) PROTOC $<
	$(Q)mkdir -p $(GEN) && protoc-c --proto_path=agent/format --c_out=$(GEN) $<

flame := agent/format/flame
npm   := build/npm/node_modules/.package-lock.json

$(npm): $(flame)/package.json $(flame)/package-lock.json
	$(say) NPM $(flame)
	$(Q)mkdir -p build/npm && cp $^ build/npm/ && npm --prefix build/npm ci --include=dev --silent --no-audit --no-fund && touch $@

$(GEN)/%.html: $(npm) $(wildcard $(flame)/* agent/collect/page/*)
	$(say) BUNDLE $@
	$(Q)mkdir -p $(GEN) && NODE_PATH=build/npm/node_modules node $(flame)/bundle.cjs $(filter %/$*.html,$^) $@

$(B)/agent/format/pprof.o $(B)/agent/format/pprof_read.o $(B)/tests/unit/format_pprof.o: $(GEN)/pprof.pb-c.h
$(B)/agent/format/html.o: $(GEN)/flame.html
$(B)/agent/collect/page.o: $(GEN)/page.html

$(foreach room,$(rooms),$(eval $(call room_rules,$(room))))

# ---- tests -------------------------------------------------------------------

# tests/unit/ROOM_UNIT.c: one Criterion program a room, linked with nothing above it.
unit_rooms := $(sort $(foreach f,$(wildcard tests/unit/*_*.c),$(firstword $(subst _, ,$(notdir $(f))))))
support    := $(wildcard tests/unit/support/*.c)

define unit_rules
$(B)/unit/$(1): $(call objects,$(wildcard tests/unit/$(1)_*.c) $(support)) $(call archives,$(1) $(below_$(1)))
	$$(say) LINK $$@
	$$(Q)mkdir -p $$(@D) && $$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LIBS) -lcriterion

.PHONY: unit-$(1)
unit-$(1): $(B)/unit/$(1)
	$$(Q)$$<
endef
$(foreach room,$(unit_rooms),$(eval $(call unit_rules,$(room))))

.PHONY: unit
unit: $(addprefix unit-,$(unit_rooms)) ## unit tests only

# The other architecture: built against its own packages; what qemu can run of the
# unit tests is run, in a runner of ours.
CROSS       ?= aarch64
cross_cc    := $(CROSS)-linux-gnu-gcc
cross_arch  := $(if $(filter aarch64,$(CROSS)),arm64,amd64)
cross_rooms := elfsym pystack profile
# What reads this machine's own files and processes, or takes the emulator minutes.
not_emulated := tests/unit/elfsym_real.c $(foreach t,hold sample recordings record lines_real,tests/unit/pystack_$(t).c)

define emulated_rules
$(B)/emulated/$(1): $(call objects,$(filter-out $(not_emulated),$(wildcard tests/unit/$(1)_*.c)) $(support) tests/cross/runner.c) \
                    $(call archives,$(1) $(below_$(1)))
	$$(say) LINK $$@
	$$(Q)mkdir -p $$(@D) && $$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LIBS) -lcriterion
endef
$(foreach room,$(cross_rooms),$(eval $(call emulated_rules,$(room))))

.PHONY: cross-programs
cross-programs: $(B)/podflame $(cross_rooms:%=$(B)/emulated/%)

.PHONY: cross
cross: ## build for aarch64, and run there what an emulator can of the unit tests
	$(Q).ci/packages $(build_packages) mmdebstrap python3 qemu-user-static gcc-$(CROSS)-linux-gnu
	$(Q)root=$$(tests/cross/sysroot.py $(cross_arch) libc6-dev libcriterion-dev $(filter %-dev,$(build_packages))) && \
	pkg=$$root/usr/lib/$(CROSS)-linux-gnu/pkgconfig:$$root/usr/share/pkgconfig && \
	PKG_CONFIG_SYSROOT_DIR=$$root PKG_CONFIG_LIBDIR=$$pkg \
	        $(MAKE) --no-print-directory cross-programs CC="$(cross_cc) --sysroot=$$root" && \
	run="qemu-$(CROSS)-static -L $$root" && $$run build/$(cross_cc)/podflame --version && \
	for room in $(cross_rooms); do \
	        echo "$$room on $(CROSS):" && $$run build/$(cross_cc)/emulated/$$room || exit 1; done

# What the tests need beside the build. Every Python package comes from Debian.
test_packages := libcriterion-dev docker.io containerd podman runc mmdebstrap python3 python3-pytest python3-pytest-xdist python3-pyte python3-selenium python3-protobuf \
                 python3-prometheus-client protobuf-compiler chromium chromium-driver strace procps openssl util-linux \
                 gdb libpython3.11 python3-yaml python3-docutils git \
                 mandoc zsh fish systemd debhelper dpkg-dev

.PHONY: test-deps
test-deps: deps
	$(Q).ci/packages $(test_packages) $(deploy_packages)

.PHONY: test
test: test-deps ## all tests: units, then end to end with real interpreters, containers and a browser
	$(Q)$(MAKE) --no-print-directory unit
	$(Q)$(MAKE) --no-print-directory e2e

# Most of a test's time is waiting for a recording to end, so several share a CPU.
E2E_JOBS ?= $(shell expr $$(nproc) \* 2)

.PHONY: e2e
e2e: all ## end-to-end tests only: pytest's options in PYTEST, processes in E2E_JOBS
	$(Q)$(PYTHON) -m pytest -q --durations=10 -n $(E2E_JOBS) --dist loadgroup tests/e2e $(PYTEST)

# Against programs that Go builds, once, in minutes; without them these tests are skipped.
.PHONY: test-collectors test-pods
test-collectors: all ## what the OpenTelemetry Collector and Pyroscope's code make of what is sent (needs Go 1.26)
	$(Q)docker/testbed/tools.py otelcol pyroscope
	$(Q)$(PYTHON) -m pytest -q tests/e2e/test_collectors.py $(PYTEST)

test-pods: all ## names of pods that containerd's CRI plug-in makes (needs Go 1.24)
	$(Q)docker/testbed/tools.py crictl
	$(Q)$(PYTHON) -m pytest -q tests/e2e/test_pods.py $(PYTEST)

# What the bench needs beside podflame itself.
build/bench-driver: $(call objects,tests/bench/driver.c) $(call archives,sample $(below_sample))
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: bench-node
bench-node: all ## the agent on a node of 10, 100 and 1000 processes: 5 minutes, as root
	$(Q)$(PYTHON) tests/bench/node.py

.PHONY: bench
bench: all build/bench-driver ## podflame side by side with its peers: 20 minutes, as root
	$(Q)$(PYTHON) tests/bench/bench.py

# tests/fuzz/NAME.c: a harness of libFuzzer, linked with the room that it is for and those below.
fuzz_elfsym      := elfsym
fuzz_format_read := format
fuzz_otlp_read   := format
fuzz_pystack     := pystack
fuzz_recording   := pystack
seeds_elfsym      = $(B)/tests/fuzz/elfsym.o
seeds_format_read = tests/fuzz/format_read.folded tests/fuzz/format_read.pb
seeds_otlp_read   = tests/fuzz/otlp_read.json
seeds_pystack     = tests/fuzz/pystack.c
seeds_recording   = tests/fixtures/recordings/debian-3.13.txt
fuzz_names     := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
fuzz_packages  := clang libclang-rt-14-dev
fuzz_sanitize  := fuzzer-no-link,address,undefined
FUZZ_SECONDS   ?= 60

define fuzz_rules
$(B)/fuzz/$(1): $(B)/tests/fuzz/$(1).o $(call archives,$(fuzz_$(1)) $(below_$(fuzz_$(1))))
	$$(say) LINK $$@
	$$(Q)mkdir -p $$(@D) && $$(CC) $$(LDFLAGS) -fsanitize=fuzzer -o $$@ $$^ $$(LIBS)

.PHONY: fuzz-$(1)
fuzz-$(1): $(B)/fuzz/$(1)
	$$(Q)mkdir -p build/fuzz/$(1) && cp -n $$(seeds_$(1)) build/fuzz/$(1)/
	$$(Q)$$< -max_total_time=$(FUZZ_SECONDS) -timeout=20 -print_final_stats=1 -verbosity=0 -artifact_prefix=build/fuzz/$(1)- build/fuzz/$(1)
endef
$(foreach name,$(fuzz_names),$(eval $(call fuzz_rules,$(name))))

.PHONY: fuzz
fuzz: ## every fuzz harness for FUZZ_SECONDS=60 each; what they find is in build/fuzz/
	$(Q).ci/packages $(fuzz_packages)
	$(Q)$(MAKE) --no-print-directory CC=clang SANITIZE=$(fuzz_sanitize) $(addprefix fuzz-,$(fuzz_names))

.PHONY: soak
soak: all ## the agent under churn, its collector away for ten minutes: 15 minutes, as root
	$(Q)$(PYTHON) tests/bench/soak.py

# ---- the demo ----------------------------------------------------------------

.PHONY: demo
demo: deps ## collector, agent and a sample workload in a container; DEMO_SECONDS=20 ends it
	$(Q).ci/packages docker.io mmdebstrap python3
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(PYTHON) docker/demo/demo.py

# ---- deploying -------------------------------------------------------------

deploy_packages := docker-compose python3-yaml python3-jsonschema python3-pip

# What understands manifests and charts: Go programs, of which Debian has no packages. The newest that its Go builds.
GO     ?= /usr/bin/go
tools  := .cache/tools
module_kubeconform := github.com/yannh/kubeconform/cmd/kubeconform@v0.6.3
module_kustomize   := sigs.k8s.io/kustomize/kustomize/v5@v5.0.3
module_helm        := helm.sh/helm/v3/cmd/helm@v3.11.3

$(tools)/%:
	$(say) GO $@
	$(Q).ci/packages golang-go
	$(Q)mkdir -p $(tools) && GOBIN=$(abspath $(tools)) CGO_ENABLED=0 $(GO) install -ldflags='-s -w' $(module_$*)

.PHONY: deploy-tools
deploy-tools: $(addprefix $(tools)/,kubeconform kustomize helm) ## build what checks manifests and chart: minutes, once

# ---- checks ------------------------------------------------------------------

lint_packages := cppcheck shellcheck python3-pyflakes

.PHONY: lint
lint: ## static checks: cppcheck, shellcheck, pyflakes, lengths of files and functions
	$(Q).ci/packages $(lint_packages)
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability \
	        --include=/usr/include/uthash.h --include=/usr/include/utlist.h \
	        --suppress='*:/usr/include/*' --suppress=missingIncludeSystem --suppress=uninitvar --suppress=comparePointers -D_GNU_SOURCE -D__x86_64__ -DPODFLAME_VERSION='""' -DPODFLAME_GEN='""' -I. \
	        $(foreach room,$(rooms),$(path_$(room))) agent/main.c
	$(Q)shellcheck $$(git ls-files -co --exclude-standard | xargs grep -lE '^#!.*(bash|sh)$$')
	$(Q)$(PYTHON) -m pyflakes $$(git ls-files -co --exclude-standard '*.py')
	$(Q)tests/lint/lengths.py

.PHONY: check-includes
check-includes: ## that includes run only downwards, and only through doors
	$(Q)tests/lint/includes.py $(foreach r,$(rooms),$(r):$(path_$(r)):$(subst $(space),$(comma),$(below_$(r))))

.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)

# ---- setting up, installing, cleaning ----------------------------------------

build_packages := gcc make pkg-config libelf-dev libcap-dev libjson-c-dev libcurl4-openssl-dev zlib1g-dev \
                  libmicrohttpd-dev libsqlite3-dev libprotobuf-c-dev protobuf-c-compiler libxxhash-dev libseccomp-dev libncurses-dev uthash-dev nodejs npm

.PHONY: deps deps-program
deps: ## install what the build needs (Debian, as root)
	$(Q).ci/packages $(build_packages)

deps-program: # where the bundled pages are there already
	$(Q).ci/packages $(filter-out nodejs npm,$(build_packages))

.PHONY: man
man: all ## write the options that the commands have by now into the man page
	$(Q)deploy/man/options.py build/podflame deploy/man/podflame.1

units := podflame-agent podflame-collector

# What goes where: SOURCE:TARGET.
installed := deploy/man/podflame.1:$(MANDIR)/man1/podflame.1 \
             deploy/completions/podflame.bash:$(PREFIX)/share/bash-completion/completions/podflame \
             deploy/completions/_podflame:$(PREFIX)/share/zsh/site-functions/_podflame \
             deploy/completions/podflame.fish:$(PREFIX)/share/fish/vendor_completions.d/podflame.fish \
             $(foreach u,$(units),build/$(u).service:$(UNITDIR)/$(u).service)

source_of = $(firstword $(subst :, ,$(1)))
target_of = $(DESTDIR)$(lastword $(subst :, ,$(1)))

build/%.service: deploy/systemd/%.service FORCE
	$(Q)mkdir -p $(@D) && sed 's|@BINDIR@|$(BINDIR)|' $< > $@

# Settings belong to the machine's owner: they are not overwritten, nor removed once changed.
# All that an image needs.
.PHONY: install-program
install-program: all
	install -D -m 755 $(B)/podflame $(DESTDIR)$(BINDIR)/podflame
	ln -sf podflame $(DESTDIR)$(BINDIR)/pyflame

.PHONY: install
install: install-program $(units:%=build/%.service) ## install under PREFIX (DESTDIR is honoured)
	$(foreach i,$(installed),install -D -m 644 $(call source_of,$(i)) $(call target_of,$(i)) &&) true
	ln -sf podflame.1 $(DESTDIR)$(MANDIR)/man1/pyflame.1
	mkdir -p $(DESTDIR)$(SYSCONFDIR)/default
	$(foreach u,$(units),cp -n deploy/systemd/$(u).default $(DESTDIR)$(SYSCONFDIR)/default/$(u) &&) true

.PHONY: uninstall
uninstall: ## remove what install has installed
	rm -f $(foreach p,podflame pyflame,$(DESTDIR)$(BINDIR)/$(p)) $(DESTDIR)$(MANDIR)/man1/pyflame.1 \
	      $(foreach i,$(installed),$(call target_of,$(i)))
	$(foreach u,$(units),if cmp -s deploy/systemd/$(u).default $(DESTDIR)$(SYSCONFDIR)/default/$(u); then \
	        rm -f $(DESTDIR)$(SYSCONFDIR)/default/$(u); fi;)

# deploy/debian is debian/ in a copy of the tree: it does not stand at the top of ours.
staged := build/deb/podflame-$(VERSION)

.PHONY: deb
deb: ## a Debian package of the program, its units, man page and completions: build/podflame_*.deb
	$(Q).ci/packages $(build_packages) debhelper dpkg-dev
	$(Q)$(MAKE) --no-print-directory build/deb/stamp

build/deb/stamp: $(B)/podflame Makefile $(shell find deploy -type f)
	$(say) DEB $(staged)
	$(Q)dpkg-parsechangelog -l deploy/debian/changelog -S Version | grep -qx '$(VERSION)' || \
	        { echo "deploy/debian/changelog is not of version $(VERSION)" >&2; exit 1; }
	$(Q)rm -rf build/deb build/*.deb && mkdir -p $(staged)/build
	$(Q)tar --exclude=./build --exclude=./.cache --exclude=./.git -cf - . | tar -C $(staged) -xf -
	$(Q)cp -a build/npm build/gen $(staged)/build/ && cp -a deploy/debian $(staged)/debian
	$(Q)cd $(staged) && env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage --build=binary --no-sign -d > ../log 2>&1 || \
	        { tail -n 40 ../log >&2; exit 1; }
	$(Q)mv build/deb/*.deb build/ && rm -rf $(staged) && touch $@

.PHONY: clean
clean: ## remove what was built
	rm -rf build

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
