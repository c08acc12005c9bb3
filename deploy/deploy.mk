# The Debian package, and what checks manifests and charts.

# deploy/debian is debian/ in a copy of the tree: it does not stand at the top of ours.
staged := build/deb/podflame-$(VERSION)

.PHONY: deb
deb: ## a Debian package of the program, its units, man page and completions: build/podflame_*.deb
	$(Q).ci/packages $(build_packages) debhelper dpkg-dev
	$(Q)$(MAKE) --no-print-directory build/deb/stamp

# The program is built there, from what is generated here.
build/deb/stamp: Makefile $(npm) $(GEN)/flame.html $(GEN)/page.html $(GEN)/pprof.pb-c.c \
                 $(shell find $(foreach room,$(rooms),$(path_$(room))) $(main) deploy LICENSE -type f)
	$(say) DEB $(staged)
	$(Q)dpkg-parsechangelog -l deploy/debian/changelog -S Version | grep -qx '$(VERSION)' || \
	        { echo "deploy/debian/changelog is not of version $(VERSION)" >&2; exit 1; }
	$(Q)rm -rf build/deb build/*.deb && mkdir -p $(staged)/build
	$(Q)tar --exclude=./build --exclude=./.cache --exclude=./.git -cf - . | tar -C $(staged) -xf -
	$(Q)cp -a build/npm build/gen $(staged)/build/ && cp -a deploy/debian $(staged)/debian
	$(Q)cd $(staged) && env -u MAKEFLAGS -u MAKELEVEL \
	        dpkg-buildpackage $(filter -j%,$(MAKEFLAGS)) --build=binary --no-sign -d > ../log 2>&1 || { tail -n 40 ../log >&2; exit 1; }
	$(Q)mv build/deb/*.deb build/ && rm -rf $(staged) && touch $@

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
