# The Debian package, and what checks manifests and charts.

# deploy/debian is debian/ in a copy of the tree: it does not stand at the top of ours.
staged := build/deb/podflame-$(VERSION)

.PHONY: deb
deb: ## a Debian package of the program, its units, man page and completions: build/podflame_*.deb
	$(Q).ci/packages $(build_packages) debhelper dpkg-dev
	$(Q)$(MAKE) --no-print-directory build/deb/stamp

# The program is built there, from what is generated here.
build/deb/stamp: Makefile $(npm) $(GEN)/flame.html $(GEN)/heat.html $(GEN)/page.html $(GEN)/pprof.pb-c.c $(GEN)/push.pb-c.c \
                 $(shell find $(foreach room,$(rooms),$(path_$(room))) $(main) deploy LICENSE -type f)
	$(say) DEB $(staged)
	$(Q)dpkg-parsechangelog -l deploy/debian/changelog -S Version | grep -qx '$(VERSION)' || \
	        { echo "deploy/debian/changelog is not of version $(VERSION)" >&2; exit 1; }
	$(Q)rm -rf build/deb build/*.deb && mkdir -p $(staged)/build
	$(Q)tar --exclude=./build --exclude=./.cache --exclude=./.git -cf - . | tar -C $(staged) -xf -
	$(Q)cp -a $(wildcard build/npm) build/gen $(staged)/build/ && cp -a deploy/debian $(staged)/debian
	$(Q)cd $(staged) && env -u MAKEFLAGS -u MAKELEVEL \
	        dpkg-buildpackage $(filter -j%,$(MAKEFLAGS)) --build=binary --no-sign -d > ../log 2>&1 || { tail -n 40 ../log >&2; exit 1; }
	$(Q)mv build/deb/*.deb build/ && rm -rf $(staged) && touch $@

deploy_packages := docker-compose python3-yaml python3-jsonschema python3-pip golang-go

.PHONY: deploy-tools
deploy-tools: ## build what checks manifests and chart: minutes, once
	$(Q).ci/packages golang-go
	$(Q)$(PYTHON) tests/testbed/tools.py kubeconform kustomize helm
