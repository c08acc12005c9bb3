# What podflame costs, beside its peers and over time.

# What the bench needs beside podflame itself.
build/bench-driver: $(call objects,tests/bench/driver.c) $(call archives,sample format $(below_sample)) $(B)/how_link
	$(call link)

build/bench-waits: $(call objects,tests/bench/waits.c) $(call archives,nsutil) $(B)/how_link
	$(call link)

# Optimised as libraries are, whatever CFLAGS are given.
build/bench-chain.so: tests/bench/targets/chain.c
	$(CC) -O2 -fPIC -shared -o $@ $<

.PHONY: bench-native
bench-native: all build/bench-chain.so ## what mixed stacks cost, beside py-spy's: 3 minutes, as root
	$(Q)$(PYTHON) tests/bench/native.py

.PHONY: bench-tasks
bench-tasks: all ## what tasks of asyncio cost the agent and dump: 5 minutes, as root
	$(Q)$(PYTHON) tests/bench/tasks.py

.PHONY: bench-waits
bench-waits: build/bench-waits ## what it costs to say why threads do not run: seconds
	$(Q)$<

.PHONY: bench-collector
bench-collector: all ## how long the collector takes to answer, with a day of 100 containers stored: 1 to 5 minutes
	$(Q)$(PYTHON) tests/bench/collector.py

.PHONY: bench-fleet
bench-fleet: all ## 1000 agents of 20 services, and one Pyroscope: a quarter of an hour, as root
	$(Q)tests/testbed/tools.py pyroscope-server
	$(Q)$(PYTHON) tests/bench/fleet.py

.PHONY: bench-node
bench-node: all ## the agent on a node of 10, 100 and 1000 processes: 5 minutes, as root
	$(Q)$(PYTHON) tests/bench/node.py

build/bench-births: tests/bench/targets/births.c
	$(CC) -O2 -D_GNU_SOURCE -o $@ $<

.PHONY: bench-busy
bench-busy: all build/bench-births ## the agent where a node is busy: births, and 300 processes in 20 containers: 15 minutes, as root
	$(Q)$(PYTHON) tests/bench/busy.py

.PHONY: bench-overhead
bench-overhead: all build/bench-driver ## what a test suite pays for being profiled, by version: 15 minutes, as root
	$(Q)$(PYTHON) tests/bench/overhead.py --seconds 10 --output tests/bench/OVERHEAD.md --python /usr/bin/python3 \
	        $(wildcard $(HOME)/.pyenv/versions/3.[89].*/bin/python $(HOME)/.pyenv/versions/3.1[0-9].*/bin/python)

.PHONY: bench
bench: all build/bench-driver ## podflame side by side with its peers: 20 minutes, as root
	$(Q)$(PYTHON) tests/bench/bench.py

.PHONY: soak
soak: all ## the agent under churn, its collector away for ten minutes: 15 minutes, as root
	$(Q)$(PYTHON) tests/bench/soak.py
