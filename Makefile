# podflame. `make help` lists what it can do. Here are the program's build and what it needs; included are
#   tests/tests.mk        unit and end-to-end tests, and what they need
#   tests/lint/lint.mk    static checks, and the check of includes
#   tests/cross/cross.mk  the build for another architecture
#   tests/fuzz/fuzz.mk    fuzzing
#   tests/bench/bench.mk  benchmarks and the soak
#   deploy/install.mk     install, uninstall, the man page's options
#   deploy/deploy.mk      the Debian package, tools that check manifests
#   deploy/release.mk     the release
#   docker/demo/demo.mk   the demo
#
# Every source file of a room is built; a new .c needs no line here.
#   V=1                           print whole commands
#   DEVELOPER=1                   warnings are errors
#   SANITIZE=address,undefined    build with these sanitizers, in a build folder of its own
#   CC=clang                      likewise

SHELL := /bin/bash
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all

ifeq ($(MAKELEVEL),0)
# What people call: goals one after the other, as in `make clean all`, each with all CPUs unless -j says how many.
goals := $(or $(MAKECMDGOALS),all)
.NOTPARALLEL:
.PHONY: $(goals)
$(goals):
	@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(nproc)) $@
else

VERSION := 0.2.0

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
rooms := nsutil elfsym pystack base reason http find symbol sample profile format compare send collect health confine command

$(foreach r,nsutil elfsym pystack,$(eval path_$(r) := $(r)))
$(foreach r,base reason http find symbol sample profile format compare send collect health confine command,$(eval path_$(r) := agent/$(r)))

below_pystack := nsutil elfsym
below_reason  := base pystack nsutil elfsym
below_http    := base
below_find    := http base pystack nsutil elfsym
below_symbol  := pystack nsutil elfsym
below_sample  := symbol reason base pystack nsutil elfsym profile
below_format  := profile base
below_compare := format profile base
below_send    := http format profile base
below_collect := compare http format profile base
below_health  := send http format profile base
below_command := find sample symbol send collect health confine compare http format profile reason base pystack nsutil elfsym

# A room's files, and those of its folders.
sources  = $(wildcard $(path_$(1))/*.c $(path_$(1))/*/*.c)
archives = $(foreach room,$(1),$(B)/$(room).a)
objects  = $(patsubst %.c,$(B)/%.o,$(1))

main := agent/main.c

# ---- how it is compiled and linked -------------------------------------------

# NAME = $(call once,NAME,COMMAND) is what the command prints. The command runs once, when the name is first used. What it
# printed is kept under another name: make frees the value of a variable that is set while it is expanded, and goes on.
once   = $(if $(filter undefined,$(origin said_$(1))),$(call run,$(1),$(2)))$(said_$(1))
run    = $(eval said_$(1) := $$(shell $(2)))$(if $(filter-out 0,$(.SHELLSTATUS)),$(failed))
failed = $(error this failed: $(2). `make deps` installs what it needs)

packages := libelf libdw liblzma libcap json-c libcurl zlib libmicrohttpd sqlite3 libprotobuf-c libxxhash libseccomp ncursesw
package_flags = $(call once,package_flags,$(PKG_CONFIG) --cflags --libs $(packages))
LIBS = $(package_flags) -liberty -lpthread -lm

warnings := -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith \
            -Wwrite-strings -Wundef -Wformat=2 -Wcast-qual -fno-common
ifdef DEVELOPER
warnings += -Werror
endif

# Hardening does not hang on CFLAGS and LDFLAGS, which packagers replace. By machine, and not by trying what the
# compiler takes: a compiler that once fails on a crowded machine would leave a flag out unnoticed.
harden_x86_64  := -fstack-clash-protection -fcf-protection
harden_aarch64 := -fstack-clash-protection -mbranch-protection=standard
machine   = $(call once,machine,$(CC) -dumpmachine)
harden    = $(harden_$(firstword $(subst -, ,$(machine))))
optimised = $(filter-out -O0,$(lastword $(filter -O%,$(CFLAGS))))
# glibc's checks need an optimiser, and sanitizers have better ones. The last word on a level that CFLAGS may bring.
fortify   = $(if $(SANITIZE),,$(if $(optimised),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3))
sanitize  = $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all)

# uthash would end the program where memory runs out: that is for its caller to handle, who looks whether hh.tbl is set.
ALL_CFLAGS  = -std=gnu17 -DHASH_NONFATAL_OOM=1 -D_GNU_SOURCE -DPODFLAME_GEN='"$(GEN)"' -I. -I$(GEN) $(warnings) -MMD -MP \
              -fPIE -fstack-protector-strong $(harden) $(filter-out -l% -L% -Wl%,$(package_flags)) $(CFLAGS) \
              $(fortify) $(sanitize) $(if $(SANITIZE),-fno-omit-frame-pointer)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(sanitize)

# What is made depends on files that hold how it is made. One is written when it does not hold that.
compiler    = $(call once,compiler,$(CC) --version)
how_compile = $(compiler): $(CC) $(ALL_CFLAGS)
how_link    = $(compiler): $(CC) $(ALL_LDFLAGS) $(LIBS)
how_version = $(VERSION)
same        = $(and $(findstring $(1),$(2)),$(findstring $(2),$(1)))

# make 4.3 does not always take the newline off a file's end, hence strip. A pattern: it expands the
# prerequisites of other rules even where they are not asked for, as in `make deps`.
.SECONDEXPANSION:
.PRECIOUS: $(B)/how_compile $(B)/how_link $(B)/how_version
$(B)/how_%: $$(if $$(call same,$$(strip $$(file <$$@)),$$(strip $$(how_$$*))),,FORCE)
	$(Q)mkdir -p $(@D) && printf '%s\n' '$(subst ','\'',$(how_$*))' >$@

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

.PHONY: all
all: $(B)/podflame build/podflame ## build the program: build/podflame

# In a recipe: links a program from the objects and archives that it depends on. It has to depend on $(B)/how_link.
define link
	$(say) LINK $@
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS) $(1)
endef

$(B)/podflame: $(call objects,$(main)) $(call archives,command $(below_command)) $(B)/how_link
	$(call link)

define room_rules
$(B)/$(1).a: $(call objects,$(call sources,$(1))) $(call objects,$(generated_$(1)))
	$$(say) AR $$@
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef

# The last built variant is the one that people and tests call.
build/podflame: $(B)/podflame $$(if $$(filter $$(abspath $(B)/podflame),$$(realpath build/podflame)),,FORCE)
	$(Q)ln -sf $(variant)/podflame $@

.PHONY: FORCE
FORCE:

$(B)/%.o: %.c $(B)/how_compile
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(version_flag) -c -o $@ $<

# Only these are compiled again for another version.
versioned := $(call objects,$(shell grep -rlw --include='*.c' PODFLAME_VERSION agent tests/unit 2>/dev/null))
$(versioned): $(B)/how_version
$(versioned): version_flag = -DPODFLAME_VERSION='"$(VERSION)"'

# ---- generated sources -------------------------------------------------------

# pprof's messages, by protobuf-c; the pages of a flame graph, of lines and of the collector, each
# bundled from npm into one self-contained html file, embedded by the assembler.
generated_format := $(GEN)/pprof.pb-c.c
generated_send   := $(GEN)/push.pb-c.c

$(GEN)/pprof.pb-c.c $(GEN)/pprof.pb-c.h &: agent/format/pprof.proto
	$(say) PROTOC $<
	$(Q)mkdir -p $(GEN) && protoc-c --proto_path=agent/format --c_out=$(GEN) $<

$(GEN)/push.pb-c.c $(GEN)/push.pb-c.h &: agent/send/push.proto
	$(say) PROTOC $<
	$(Q)mkdir -p $(GEN) && protoc-c --proto_path=agent/send --c_out=$(GEN) $<

# protobuf-c makes a char * of its own empty string.
$(B)/$(GEN)/push.pb-c.o: private ALL_CFLAGS += -Wno-cast-qual

flame := agent/format/flame
# In the tarball of `make dist` they are bundled already.
bundled := $(wildcard $(flame)/bundled)
ifneq ($(bundled),)
$(GEN)/%.html: $(bundled)/%.html
	$(Q)mkdir -p $(GEN) && cp $< $@
else
npm   := build/npm/node_modules/.package-lock.json
$(npm): $(flame)/package.json $(flame)/package-lock.json | $(before_npm)
	$(say) NPM $(flame)
	$(Q)mkdir -p build/npm && cp $(filter $(flame)/%,$^) build/npm/ && npm --prefix build/npm ci --include=dev --silent --no-progress --no-audit --no-fund && touch $@

$(GEN)/%.html: $(npm) $(wildcard $(flame)/* agent/format/heat/* agent/collect/page/*)
	$(say) BUNDLE $@
	$(Q)mkdir -p $(GEN) && NODE_PATH=build/npm/node_modules node $(flame)/bundle.cjs $(filter %/$*.html,$^) $@
endif

$(B)/agent/format/pprof.o $(B)/agent/format/pprof_read.o $(B)/tests/unit/format_pprof.o: $(GEN)/pprof.pb-c.h
$(B)/agent/send/pyroscope.o $(B)/tests/unit/send_protocol.o $(B)/tests/unit/send_apart.o: $(GEN)/push.pb-c.h
$(B)/agent/format/html.o: $(GEN)/flame.html
$(B)/agent/format/heat/heat.o: $(GEN)/heat.html
$(B)/agent/collect/page.o: $(GEN)/page.html
$(B)/agent/collect/questions/openapi.o: agent/collect/openapi.json

$(foreach room,$(rooms),$(eval $(call room_rules,$(room))))

# ---- tests, checks, installing ----------------------------------------------

# By pattern: the image is built from a part of the tree, which has only some of these files.
include $(wildcard deploy/*.mk docker/*/*.mk tests/*.mk tests/*/*.mk)

# ---- setting up, cleaning ----------------------------------------------------

node_packages := nodejs npm
node_deps     := $(if $(bundled),,node-deps)
build_packages := gcc make pkg-config libelf-dev libdw-dev liblzma-dev libiberty-dev libcap-dev libjson-c-dev libcurl4-openssl-dev zlib1g-dev \
                  libmicrohttpd-dev libsqlite3-dev libprotobuf-c-dev protobuf-c-compiler libxxhash-dev libseccomp-dev libncurses-dev uthash-dev $(if $(bundled),,$(node_packages))

.PHONY: deps deps-program
deps: ## install what the build needs (Debian, as root)
	$(Q).ci/packages $(build_packages)

deps-program: # where the bundled pages are there already
	$(Q).ci/packages $(filter-out $(node_packages),$(build_packages))

.PHONY: clean
clean: ## remove what was built
	rm -rf build

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(filter-out %.d,$(MAKEFILE_LIST))

.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
endif
