# SPDX-License-Identifier: GPL-2.0
#
# penstock: kernel module, user-space programs, tests.  `make help` lists what
# there is to make.

# `make demo SHELL=1` is too nice a spelling to forbid.
ifeq ($(SHELL),1)
override SHELL := /bin/sh
WANT_SHELL := 1
endif

KVER	?= $(shell uname -r)
KDIR	?= /lib/modules/$(KVER)/build
DESTDIR	?=
VERSION	:= $(shell cat VERSION)
PYTHON	?= python3

all: module userspace

module modules:
	@test -e $(KDIR)/Makefile || { \
		echo "make: no headers of kernel $(KVER) in $(KDIR)." >&2; \
		echo "  Debian: apt-get install linux-headers-$(KVER); or name others with KVER= or KDIR=." >&2; \
		exit 1; }
	+$(MAKE) -C $(KDIR) M=$(CURDIR) modules

userspace:
	+$(MAKE) -C userspace all

install: module-install userspace-install
module-install: module
	install -D -m 644 -t $(DESTDIR)/lib/modules/$(KVER)/updates penstock*.ko
	$(if $(DESTDIR),,depmod $(KVER))
userspace-install: userspace
	+$(MAKE) -C userspace install DESTDIR=$(DESTDIR)

# Register the sources with dkms, which builds them for each kernel to come.
dkms-install:
	packaging/dkms-source $(DESTDIR)/usr/src/penstock-$(VERSION)
	$(if $(DESTDIR),,dkms install penstock/$(VERSION))

deb:
	packaging/build-deb

clean:
	-$(MAKE) -C $(KDIR) M=$(CURDIR) clean
	rm -rf build

# ---- tests: scripts/deps installs what they need ----

deps:
	@scripts/deps

demo: deps
	@tests/demo $(if $(WANT_SHELL),--shell)

check: deps
	@tests/run --fs penstock --retry --short
check-all: deps
	@tests/run --fs penstock --retry
check-long: deps
	@tests/run --long
check-recovery: deps
	@tests/recovery/check
check-chaos: deps
	@tests/chaos/check
check-history: deps
	@tests/history/check
check-debug: deps
	@tests/run --fs penstock --kernel debug
check-rdma: deps
	@tests/run --fs penstock --proto rdma
check-thrash: deps
	@tests/run --fs penstock --thrash
	@tests/recovery/check --thrash
	@tests/chaos/check --thrash --count 100
check-nfs: deps
	@tests/run --fs nfs
bench: deps
	@tests/perf/bench
bench-paths: deps
	@tests/perf/paths
	@tests/perf/uneven
bench-failover: deps
	@tests/perf/failover --repeats 50

unit: deps
	+@$(MAKE) --no-print-directory -C tests/unit check
	+@$(MAKE) --no-print-directory -C tests/krb5 check
	+@$(MAKE) --no-print-directory -C userspace check
	@$(PYTHON) -B tests/chaos/test.py
	@$(PYTHON) -B tests/history/test.py
	@$(PYTHON) -B tests/pnfs/test.py
fuzz-short: deps
	+@$(MAKE) --no-print-directory -C tests/fuzz short
fuzz: deps
	+@$(MAKE) --no-print-directory -C tests/fuzz long

style:
	@scripts/style

help:
	@echo "make                  module and programs for the running kernel (KVER=, KDIR=)"
	@echo "make install          install both (DESTDIR=); make dkms-install: for kernels to come"
	@echo "make deb              Debian packages penstock-dkms, penstock-utils in build/deb/"
	@echo "make demo             boot a cluster of virtual machines, mount it, run fio (SHELL=1: a shell in it)"
	@echo "make check            what every merge has to pass; check-all: all tests; check-long: the long ones too;"
	@echo "                      check-nfs: against the kernel's client;"
	@echo "                      check-rdma: over RDMA (soft RoCE), as far as a test is not about TCP;"
	@echo "                      check-debug: with a client kernel that has KASAN, lockdep and more"
	@echo "make check-recovery   the recovery suite: 280 faults at different moments"
	@echo "make check-chaos      1,000 times: kill, silence or restart something while journals are written"
	@echo "make check-thrash     all cases, the recovery suite and 100 iterations of check-chaos over eight paths, some of"
	@echo "                      which are down at any time"
	@echo "make check-history    random histories of two clients, judged; 30 seeds"
	@echo "make bench            penstock against the kernel's client, in virtual time; bench-paths: several rails;"
	@echo "                      bench-failover: how long requests wait when one of two paths dies"
	@echo "make unit fuzz-short fuzz style"

.PHONY: all module modules userspace install module-install userspace-install \
	dkms-install deb clean deps demo check check-all check-long check-nfs check-debug \
	check-recovery check-chaos check-history check-rdma check-thrash bench bench-paths bench-failover unit \
	fuzz-short fuzz style help
