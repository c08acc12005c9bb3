# tests/fuzz/NAME.c: a harness of libFuzzer. For each one: the room that it is linked with, together with those below,
# and the files whose lines its corpus has to reach. Its first inputs are made by seeds.py. NAME.dict has words that
# its inputs are made of, where there are such.
fuzz_room_collect     := collect
fuzz_files_collect    := $(addprefix agent/collect/,ingest.c json.c labels.c post.c query.c questions/parameters.c questions/groups.c)
fuzz_room_demangle    := symbol
fuzz_files_demangle   := agent/symbol/demangle.c agent/symbol/cython.c
fuzz_room_elfsym      := elfsym
fuzz_files_elfsym     := $(addprefix elfsym/,dynamic.c open.c read.c section.c symbol.c)
fuzz_room_format_read := format
fuzz_files_format_read := $(addprefix agent/format/,$(addsuffix _read.c,austin chrome folded gecko jsonl mojo pprof pstats speedscope) \
                           marshal.c read.c read_json.c reading.c) agent/base/gzip.c
fuzz_room_functions   := elfsym
fuzz_files_functions  := $(addprefix elfsym/,build_id.c debugdata.c functions.c scan.c)
fuzz_room_head        := http
fuzz_files_head       := agent/http/server/head.c agent/http/server/origin.c
fuzz_room_locate      := pystack
fuzz_files_locate     := $(addprefix pystack/locate/,locate.c symbols.c machine.c rseq.c)
fuzz_room_names       := find
fuzz_files_names      := $(addprefix agent/find/,$(addprefix identity/,clean.c resource.c service.c) \
                           $(addprefix names/,docker.c docker_api.c json.c kubelet.c links.c mounts.c oci_bundle.c podman.c))
fuzz_room_options     := command
fuzz_files_options    := $(addprefix agent/command/,cli/options.c processes/selection.c processes/abi.c \
                           check/allow.c agent/labels.c pyflame/command_line.c) agent/find/choose/select.c
fuzz_room_otlp_read   := format
fuzz_files_otlp_read  := $(addprefix agent/,format/otlp_read.c format/otlp_tables.c format/otlp_native.c base/json_read.c base/json_value.c \
                           base/json_value_text.c)
fuzz_room_perf_map    := symbol
fuzz_files_perf_map   := agent/symbol/perf_map.c
fuzz_room_proc        := nsutil
fuzz_files_proc       := $(addprefix nsutil/,cgroup.c hierarchy.c last_ran.c maps.c mountinfo.c stat.c status.c lines.c)
fuzz_room_pystack     := pystack
fuzz_files_pystack    := pystack/sample.c pystack/memory/snapshot.c pystack/memory/plan.c \
                           $(foreach folder,layout decode validate threads,$(wildcard pystack/$(folder)/*.c))
fuzz_room_recording   := pystack
fuzz_files_recording  := pystack/record/record_text.c
fuzz_flags_options    := -close_fd_mask=3
fuzz_room_spool       := send
fuzz_files_spool      := agent/send/spool_file.c agent/send/spool_read.c agent/send/otlp.c
fuzz_room_tasks       := pystack
fuzz_files_tasks      := $(addprefix pystack/tasks/,collect.c coroutine.c kind.c label.c list.c name_frames.c object.c offsets.c running.c)
fuzz_room_unwind      := elfsym
fuzz_files_unwind     := $(addprefix elfsym/,ahead.c effect.c expression.c frames.c instruction.c program.c rule.c search.c step.c)
fuzz_room_waits       := nsutil
fuzz_files_waits      := $(addprefix nsutil/wait/,calls.c channels.c judge.c)
fuzz_names    := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
fuzz_packages := clang libclang-rt-14-dev llvm-14
FUZZ_SECONDS  ?= 60

# The same sources are built twice: to find faults, and to count the lines that a corpus reaches.
fuzz_find  := SANITIZE=fuzzer-no-link,address,undefined
fuzz_count := SANITIZE=fuzzer-no-link CFLAGS='-O1 -g1 -fprofile-instr-generate -fcoverage-mapping' \
              LDFLAGS=-fprofile-instr-generate
fuzz_limits = -timeout=20 -rss_limit_mb=1024 -max_len=65536 -artifact_prefix=build/fuzz/$(1)- -verbosity=0 \
              $(fuzz_flags_$(1)) $(addprefix -dict=,$(wildcard tests/fuzz/$(1).dict))

define fuzz_rules
$(B)/fuzz/$(1): $(B)/tests/fuzz/$(1).o $(call archives,$(fuzz_room_$(1)) $(below_$(fuzz_room_$(1)))) $(B)/how_link
	$$(call link,-fsanitize=fuzzer)

.PHONY: fuzz-seeds-$(1) fuzz-$(1) fuzz-count-$(1)
fuzz-seeds-$(1):
	$$(Q)$(PYTHON) tests/fuzz/seeds.py $(1) build/fuzz/$(1)

fuzz-$(1): $(B)/fuzz/$(1) fuzz-seeds-$(1)
	$$(Q)$$< $$(call fuzz_limits,$(1)) -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 build/fuzz/$(1)

fuzz-count-$(1): $(B)/fuzz/$(1) fuzz-seeds-$(1)
	$$(Q)LLVM_PROFILE_FILE=build/fuzz/$(1).profraw $$< $$(call fuzz_limits,$(1)) -runs=0 build/fuzz/$(1) \
	        2>build/fuzz/$(1).log || { cat build/fuzz/$(1).log; exit 1; }
endef
$(foreach name,$(fuzz_names),$(eval $(call fuzz_rules,$(name))))

.PHONY: fuzz fuzz-coverage fuzz-objects
fuzz-objects: $(foreach name,$(fuzz_names),$(B)/tests/fuzz/$(name).o) ## compiles the harnesses only: any compiler will do

fuzz: ## every fuzz harness for FUZZ_SECONDS=60 each; what they find is in build/fuzz/
	$(Q).ci/packages $(fuzz_packages)
	$(Q)$(MAKE) --no-print-directory CC=clang $(fuzz_find) $(addprefix fuzz-,$(fuzz_names))

fuzz-coverage: ## the lines that the corpora of the harnesses reach: a table, and a failure below 85 %
	$(Q).ci/packages $(fuzz_packages)
	$(Q)$(MAKE) --no-print-directory CC=clang $(fuzz_count) $(addprefix fuzz-count-,$(fuzz_names))
	$(Q)$(PYTHON) tests/fuzz/coverage.py build/clang-fuzzer-no-link/fuzz \
	        $(foreach name,$(fuzz_names),$(name)=$(subst $(space),$(comma),$(strip $(fuzz_files_$(name)))))
