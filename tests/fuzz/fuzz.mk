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
$(B)/fuzz/$(1): $(B)/tests/fuzz/$(1).o $(call archives,$(fuzz_$(1)) $(below_$(fuzz_$(1)))) $(B)/how_link
	$$(call link,-fsanitize=fuzzer)

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
