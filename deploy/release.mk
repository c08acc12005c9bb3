# What is released: a tarball, and all that is made of it. Equal bit by bit wherever it is made.

# What is in git, and the three bundled pages: it builds without npm.
release := podflame-$(VERSION)
# Not the owner, the umask or the clock of who makes it.
tar_alike = tar --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime=@$$(git log -1 --format=%ct)

.PHONY: dist
dist: $(GEN)/flame.html $(GEN)/heat.html $(GEN)/page.html ## a tarball that builds without Node.js and npm: build/podflame-VERSION.tar.gz
	$(say) DIST build/$(release).tar.gz
	$(Q)rm -rf build/dist && mkdir -p build/dist/$(release)
	$(Q)git ls-files -z | tar --null -T - -cf - | tar -C build/dist/$(release) -xf -
	$(Q)mkdir -p build/dist/$(release)/$(flame)/bundled && cp $^ build/dist/$(release)/$(flame)/bundled/
	$(Q)$(tar_alike) -C build/dist -cf - $(release) | gzip -9n > build/$(release).tar.gz && rm -rf build/dist

.PHONY: release
release: ## packages and images of both architectures, an SBOM, checksums: build/release/, minutes, as root
	$(Q).ci/packages mmdebstrap dpkg-dev git python3
	$(Q)git diff --quiet HEAD || { echo "release: this tree has changes; commit them, for a release is of a commit" >&2; exit 1; }
	$(Q)$(MAKE) --no-print-directory dist
	$(Q)$(PYTHON) deploy/release/release.py build/$(release).tar.gz build/release
