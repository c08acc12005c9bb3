# Unit tests, end-to-end tests, and what they need.

# tests/unit/ROOM_UNIT.c: one Criterion program a room, linked with nothing above it.
unit_rooms := $(sort $(foreach f,$(wildcard tests/unit/*_*.c),$(firstword $(subst _, ,$(notdir $(f))))))
support    := $(wildcard tests/unit/support/*.c)

define unit_rules
$(B)/unit/$(1): $(call objects,$(wildcard tests/unit/$(1)_*.c) $(support)) $(call archives,$(1) $(below_$(1))) $(B)/how_link
	$$(call link,-lcriterion)

.PHONY: unit-$(1)
unit-$(1): $(B)/unit/$(1)
	$$(Q)$$< || { echo "unit-$(1): failed, once more" >&2 && $$<; }
endef
$(foreach room,$(unit_rooms),$(eval $(call unit_rules,$(room))))

# What several programs say at the same time is not mixed.
ifneq ($(filter unit fuzz-%,$(MAKECMDGOALS)),)
MAKEFLAGS += --output-sync
endif

.PHONY: unit unit-programs
unit: $(addprefix unit-,$(unit_rooms)) ## unit tests only
unit-programs: $(addprefix $(B)/unit/,$(unit_rooms)) # built, and not run

# What the tests need beside the build. Every Python package comes from Debian.
test_packages := libcriterion-dev docker.io containerd podman runc uidmap mmdebstrap python3 python3-pytest python3-pytest-xdist python3-pyte python3-greenlet python3-selenium python3-protobuf \
                 python3-prometheus-client protobuf-compiler chromium chromium-driver strace procps openssl util-linux curl \
                 gdb libpython3.11 python3-yaml python3-docutils git \
                 mandoc zsh fish systemd debhelper dpkg-dev

.PHONY: test-deps
test-deps:
	$(Q).ci/packages $(build_packages) $(test_packages) $(deploy_packages)

# Debian images and the Go programs of some tests are made meanwhile; what needs one waits for it.
.PHONY: test
test: test-deps ## all tests: units, then end to end with real interpreters, containers and a browser
	$(Q)set -m; nice sh -c '$(PYTHON) tests/testbed/images.py; exec $(PYTHON) tests/testbed/tools.py' >/dev/null 2>&1 & \
	ahead=$$!; trap 'kill -- -$$ahead 2>/dev/null' EXIT; export PODFLAME_TOOLS=build; \
	$(MAKE) --no-print-directory unit && $(MAKE) --no-print-directory e2e

# Most of a test's time is waiting for a recording to end, so several share a CPU.
E2E_JOBS ?= $(shell expr $$(nproc) \* 2)

.PHONY: e2e
e2e: all ## end-to-end tests only: pytest's options in PYTEST, processes in E2E_JOBS
	$(Q)$(PYTHON) tests/e2e/run_e2e.py --durations=10 -n $(E2E_JOBS) --dist loadgroup $(PYTEST)

.PHONY: check
check: all unit ## a minute before a commit: units, and of the end-to-end tests those that are quick
	$(Q)$(PYTHON) -m pytest -q -n $(E2E_JOBS) -m quick --dist loadgroup tests/e2e $(PYTEST)

.PHONY: fresh
fresh: ## both commands of the README in a new Debian, which is removed afterwards: half an hour, as root
	$(Q).ci/packages mmdebstrap python3 git
	$(Q)$(PYTHON) tests/fresh/root.py 'make demo DEMO_SECONDS=20' 'make test'

# Against programs that Go builds, once, in minutes; elsewhere than in `make test` these tests are skipped without them.
# Pyroscope's server is built here only.
.PHONY: test-collectors test-pods test-release
test-collectors: all ## what the OpenTelemetry Collector, Pyroscope (its code, its server) and Parca make of what is sent
	$(Q)tests/testbed/tools.py otelcol pyroscope pyroscope-server parca
	$(Q)$(PYTHON) -m pytest -q tests/e2e/test_collectors.py $(PYTEST)

# Programs of a Kubernetes release, from their modules: an hour of CPU time at most, once.
cluster_packages := golang-go mmdebstrap gcc libc6-dev binutils python3 python3-pytest etcd-server containerd runc \
                    containernetworking-plugins iptables nftables ipset conntrack iproute2 util-linux openssl curl

.PHONY: test-cluster
test-cluster: all ## podflame by kubectl and by helm on a real Kubernetes: an hour the first time, as root
	$(Q).ci/packages $(cluster_packages)
	$(Q)tests/testbed/kubernetes/programs.py && tests/testbed/tools.py helm pyroscope-server && tests/testbed/images.py bookworm bookworm-podflame
	$(Q)$(PYTHON) -m pytest -q -p no:cacheprovider tests/cluster $(PYTEST)

test-pods: all ## names of pods that containerd's CRI plug-in makes
	$(Q)tests/testbed/tools.py crictl
	$(Q)$(PYTHON) -m pytest -q tests/e2e/test_pods.py $(PYTEST)

test-release: all ## what is released, made twice: 10 minutes, as root
	$(Q).ci/packages mmdebstrap dpkg-dev binutils qemu-user-static podman python3-pip
	$(Q)tests/testbed/tools.py actionlint
	$(Q)PODFLAME_RELEASE=1 $(PYTHON) -m pytest -q tests/e2e/test_release.py $(PYTEST)
