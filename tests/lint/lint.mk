# Static checks, and the check of includes.

lint_packages := clang-format cppcheck shellcheck python3-pyflakes

.PHONY: lint
lint: ## static checks: cppcheck, shellcheck, pyflakes, lengths, names, and what documents say of files and constants
	$(Q).ci/packages $(lint_packages)
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability \
	        --include=/usr/include/uthash.h --include=/usr/include/utlist.h \
	        --suppress='*:/usr/include/*' --suppress=missingIncludeSystem --suppress=uninitvar --suppress=comparePointers -D_GNU_SOURCE -D__x86_64__ -DPODFLAME_VERSION='""' -DPODFLAME_GEN='""' -I. \
	        $(foreach room,$(rooms),$(path_$(room))) agent/main.c
	$(Q)shellcheck $$(git ls-files -co --exclude-standard | xargs grep -lE '^#!.*(bash|sh)$$')
	$(Q)$(PYTHON) -m pyflakes $$(git ls-files -co --exclude-standard '*.py')
	$(Q)clang-format --dry-run -Werror $$(git ls-files -co --exclude-standard '*.c' '*.h')
	$(Q)tests/lint/lengths.py
	$(Q)tests/lint/claims.py
	$(Q)tests/lint/names.py $(foreach r,$(rooms),$(r):$(path_$(r))) $(main)
	$(Q)tests/lint/maps.py
	$(Q)tests/lint/links.py

.PHONY: check-includes
check-includes: ## that includes run only downwards, and only through doors
	$(Q)tests/lint/includes.py $(foreach r,$(rooms),$(r):$(path_$(r)):$(subst $(space),$(comma),$(below_$(r))))

.PHONY: format
format: ## writes all C files in the one dialect of .clang-format
	$(Q).ci/packages clang-format
	$(Q)clang-format -i $$(git ls-files -co --exclude-standard '*.c' '*.h')
