# The other architecture: built against its own packages; what qemu can run of the
# unit tests is run, in a runner of ours.
CROSS       ?= aarch64
cross_cc    := $(CROSS)-linux-gnu-gcc
cross_arch  := $(if $(filter aarch64,$(CROSS)),arm64,amd64)
cross_rooms := elfsym pystack profile
# What reads this machine's own files and processes, or takes the emulator minutes.
not_emulated := tests/unit/elfsym_real.c tests/unit/elfsym_unwind.c $(foreach t,frozen sample recordings record lines_real trace_real,tests/unit/pystack_$(t).c)

define emulated_rules
$(B)/emulated/$(1): $(call objects,$(filter-out $(not_emulated),$(wildcard tests/unit/$(1)_*.c)) $(support) tests/cross/runner.c) \
                    $(call archives,$(1) $(below_$(1))) $(B)/how_link
	$$(call link,-lcriterion)
endef
$(foreach room,$(cross_rooms),$(eval $(call emulated_rules,$(room))))

.PHONY: cross-programs
cross-programs: $(B)/podflame $(cross_rooms:%=$(B)/emulated/%)

# In a recipe: makes $(1) for that architecture; $$root is its packages' folder afterwards.
define cross_build
	root=$$(tests/cross/sysroot.py $(cross_arch) libc6-dev libcriterion-dev $(filter %-dev,$(build_packages))) && \
	pkg=$$root/usr/lib/$(CROSS)-linux-gnu/pkgconfig:$$root/usr/share/pkgconfig && \
	PKG_CONFIG_SYSROOT_DIR=$$root PKG_CONFIG_LIBDIR=$$pkg \
	        $(MAKE) --no-print-directory $(1) CC="$(cross_cc) --sysroot=$$root"
endef

.PHONY: cross
cross: ## build for aarch64, and run there what an emulator can of the unit tests
	$(Q).ci/packages $(build_packages) mmdebstrap python3 qemu-user-static gcc-$(CROSS)-linux-gnu
	$(Q)$(call cross_build,cross-programs) && \
	run="qemu-$(CROSS)-static -L $$root" && $$run build/$(cross_cc)/podflame --version && \
	for room in $(cross_rooms); do \
	        echo "$$room on $(CROSS):" && $$run build/$(cross_cc)/emulated/$$room || exit 1; done

# In a machine with Debian's kernel and packages, emulated: tests/testbed/machine.py. LIVE: options.
LIVE ?= --own-time

.PHONY: live-programs test-arm64
live-programs: $(B)/podflame unit-programs

test-arm64: ## unit and end-to-end tests in an emulated Debian arm64 machine: an hour or more, as root
	$(Q).ci/packages $(build_packages) mmdebstrap python3 git qemu-system-arm cpio e2fsprogs kmod gcc-aarch64-linux-gnu
	$(Q)$(call cross_build,live-programs) && tests/cross/live.py arm64 build/aarch64-linux-gnu-gcc $(LIVE)

.PHONY: test-kernel
test-kernel: live-programs ## unit tests, and each privilege, on Debian's own kernel with Yama and AppArmor: half an hour, as root
	$(Q).ci/packages mmdebstrap python3 git qemu-system-x86 cpio e2fsprogs kmod
	$(Q)tests/cross/live.py amd64 $(B) $(LIVE)
