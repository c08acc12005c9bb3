# What is installed, and where.

PREFIX  ?= /usr/local
DESTDIR ?=
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSCONFDIR ?= /etc

.PHONY: man
man: all ## write the options that the commands have by now into the man page
	$(Q)deploy/man/options.py build/podflame deploy/man/podflame.1

units := podflame-agent podflame-collector

# What goes where: SOURCE:TARGET.
installed := deploy/man/podflame.1:$(MANDIR)/man1/podflame.1 \
             deploy/completions/podflame.bash:$(PREFIX)/share/bash-completion/completions/podflame \
             deploy/completions/_podflame:$(PREFIX)/share/zsh/site-functions/_podflame \
             deploy/completions/podflame.fish:$(PREFIX)/share/fish/vendor_completions.d/podflame.fish \
             $(foreach u,$(units),build/$(u).service:$(UNITDIR)/$(u).service)

source_of = $(firstword $(subst :, ,$(1)))
target_of = $(DESTDIR)$(lastword $(subst :, ,$(1)))

build/%.service: deploy/systemd/%.service FORCE
	$(Q)mkdir -p $(@D) && sed 's|@BINDIR@|$(BINDIR)|' $< > $@

# All that an image needs.
.PHONY: install-program
install-program: all
	install -D -m 755 $(B)/podflame $(DESTDIR)$(BINDIR)/podflame
	ln -sf podflame $(DESTDIR)$(BINDIR)/pyflame

# Settings belong to the machine's owner: they are not overwritten, nor removed once changed.
.PHONY: install
install: install-program $(units:%=build/%.service) ## install under PREFIX (DESTDIR is honoured)
	$(foreach i,$(installed),install -D -m 644 $(call source_of,$(i)) $(call target_of,$(i)) &&) true
	ln -sf podflame.1 $(DESTDIR)$(MANDIR)/man1/pyflame.1
	mkdir -p $(DESTDIR)$(SYSCONFDIR)/default
	$(foreach u,$(units),cp -n deploy/systemd/$(u).default $(DESTDIR)$(SYSCONFDIR)/default/$(u) &&) true

.PHONY: uninstall
uninstall: ## remove what install has installed
	rm -f $(foreach p,podflame pyflame,$(DESTDIR)$(BINDIR)/$(p)) $(DESTDIR)$(MANDIR)/man1/pyflame.1 \
	      $(foreach i,$(installed),$(call target_of,$(i)))
	$(foreach u,$(units),if cmp -s deploy/systemd/$(u).default $(DESTDIR)$(SYSCONFDIR)/default/$(u); then \
	        rm -f $(DESTDIR)$(SYSCONFDIR)/default/$(u); fi;)
