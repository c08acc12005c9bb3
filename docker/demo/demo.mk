# The demo: it builds podflame, samples a container, and shows its page.

demo_packages := docker.io mmdebstrap python3

# Beside the build. npm is most of the packages, and only the html pages need it.
.PHONY: demo-image node-deps
demo-image:
	$(Q)$(PYTHON) tests/testbed/images.py bookworm

node-deps:
	$(Q).ci/packages $(node_packages)

.PHONY: demo
demo: ## collector, agent and a sample workload in a container; DEMO_SECONDS=20 ends it
	$(Q).ci/packages $(filter-out $(node_packages),$(build_packages)) $(demo_packages)
	$(Q)MAKEFLAGS= $(MAKE) $(MAKEOVERRIDES) --no-print-directory -j$$(($$(nproc) + 1)) demo-image $(node_deps) all before_npm='$(node_deps)'
	$(Q)$(PYTHON) docker/demo/demo.py
