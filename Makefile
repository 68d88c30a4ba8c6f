# SPDX-License-Identifier: MIT
#
# wsechod, wsecho and libawait. `make help` lists the targets. The user's variables:
#
#   CC CFLAGS CPPFLAGS LDFLAGS LDLIBS   the compiler and what it is given besides our own flags
#   PREFIX (or prefix) DESTDIR          where `make install` installs, and below which root
#   FLAVOUR                             release, debug, clang, asan, tsan, fuzz or coverage: each
#                                       has its directory
#   V=1                                 show commands, and all that the tests print

VERSION := 0.1.0
SOVERSION := 0

FLAVOUR ?= release
PREFIX ?= /usr/local
# As GNU's makefiles and those who package them call it.
ifeq ($(origin prefix),command line)
PREFIX := $(prefix)
endif
OBJCOPY ?= objcopy
# Debian's modules for Python belong to Debian's Python.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
ifneq ($(filter clang fuzz,$(FLAVOUR)),)
ifeq ($(origin CC),default)
CC := clang
endif
endif
export CPPFLAGS PYTHON
# Not the default: the make of another flavour, as in `make fuzz`, would take it for the user's.
ifneq ($(origin CC),default)
export CC
endif
export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
# One job per core unless -j says otherwise, but one thing after the other in `make clean all`.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
ifneq ($(filter clean,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

# Modules.

# The library's rooms, and what only the programs use.
ROOMS := base coro loop task executor tls net ws
COMMON := $(sort $(wildcard $(ROOMS:%=common/%/*.c)))
CLI := $(sort $(wildcard common/cli/*.c))
stems = $(sort $(basename $(notdir $(wildcard $(1)))))
SERVER := $(sort $(wildcard server/*.c server/behave/*.c))
CLIENT := $(call stems,client/*.c)
WSBENCH := $(call stems,client/bench/*.c)
EXAMPLES := $(call stems,common/examples/*.c)
SCENARIOS := $(call stems,tests/oracle/*.c)
BENCHES := $(call stems,tests/bench/*.c)
UNIT := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/*_test.c tests/unit/*/*_test.c)))
FUZZ := $(call stems,tests/fuzz/*_fuzz.c)
# A unit test runs on each back end of the loop, but for those whose source says near its top why
# not: "Once: REASON". ThreadSanitizer checks those that say "Threads: REASON".
saying = $(patsubst tests/unit/%.c,%,$(shell grep -l '^/\* $(1): .' /dev/null $(UNIT:%=tests/unit/%.c)))
ONCE := $(call saying,Once)
THREADS := $(call saying,Threads)
# Scripts that print TAP: of the programs, with other software, and of the tests' own tools.
E2E := $(sort $(wildcard tests/e2e/*_test.sh tests/e2e/*_test.py))
ALL_INTEROP := $(sort $(wildcard tests/interop/*_test.sh tests/interop/*_test.py))
# The library beside asyncio; it does all back ends by itself.
ORACLE := tests/oracle/oracle_test.py
BENCH_TESTS := $(sort $(wildcard tests/bench/*_test.py))
ALL_TOOLS := $(sort $(wildcard tests/lint/*_test.sh tests/lint/*_test.py tests/mutation/*_test.py))
# Of these, those that start or build many others say so near their top: "Long: REASON".
LONG := $(shell grep -l '^# Long: .' /dev/null $(ALL_INTEROP) $(ALL_TOOLS))
INTEROP := $(filter-out $(LONG),$(ALL_INTEROP))
TOOLS := $(filter-out $(LONG),$(ALL_TOOLS))

PUBLIC := $(wildcard common/await/*.h)
MAN := $(wildcard common/man/*.3 client/*.1 client/bench/*.1 server/*.8)

# Flags: ours come first, so the user's win.

BUILD := build$(patsubst %,/%,$(filter-out release,$(FLAVOUR)))
OBJ := $(BUILD)/obj

optimise.debug := -O0 -g3
optimise.asan := -O1 -g
optimise.tsan := -O1 -g
optimise.fuzz := -O1 -g
optimise.coverage := -O0 -g
CFLAGS ?= $(or $(optimise.$(FLAVOUR)),-O2 -g)
# _FORTIFY_SOURCE warns where nothing is optimised.
# Shadow stacks (the other half of -fcf-protection) know nothing of tasks' stacks.
harden := -fstack-protector-strong -fstack-clash-protection \
	$(if $(filter x86_64,$(shell uname -m)),-fcf-protection=branch) \
	$(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
sanitize := -fno-sanitize-recover=all -fno-omit-frame-pointer
flavour.release := $(harden)
flavour.clang := $(harden)
flavour.debug := -fno-omit-frame-pointer
flavour.asan := $(sanitize) -fsanitize=address,undefined
flavour.tsan := $(sanitize) -fsanitize=thread
flavour.fuzz := $(sanitize) -fsanitize=address,undefined,fuzzer-no-link
flavour.coverage := --coverage -fprofile-update=atomic -include tests/lint/coverage.h
$(if $(flavour.$(FLAVOUR)),,$(error FLAVOUR is release, debug, clang, asan, tsan, fuzz or coverage))

warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wcast-qual -Wvla $(if $(filter true,$(CI)),-Werror)
# Asked when they are needed and not before: the packages may just have been installed.
MODULES := libwebsockets openssl libuv libidn2 zlib
once = $(eval $(1) := $$(shell $(2)))$($(1))
pkg_cflags = $(call once,pkg_cflags,pkg-config --cflags $(MODULES); pkg-config --cflags libev 2>&-)
pkg_libs = $(call once,pkg_libs,pkg-config --libs $(MODULES); echo -lev)
cmocka_libs = $(call once,cmocka_libs,pkg-config --libs cmocka)
# Of the programs: the library does not need it.
jansson_cflags = $(call once,jansson_cflags,pkg-config --cflags jansson)
jansson_libs = $(call once,jansson_libs,pkg-config --libs jansson)
# Of wsechod alone: hashes of passwords.
crypt_libs = $(call once,crypt_libs,pkg-config --libs libcrypt)
# Of wsecho alone: lines at a terminal.
edit_cflags = $(call once,edit_cflags,pkg-config --cflags libedit)
edit_libs = $(call once,edit_libs,pkg-config --libs libedit)

# The examples include <await/task.h>, as those do who use the installed library.
language = -std=gnu11 -D_GNU_SOURCE -DAW_VERSION='"$(VERSION)"' -iquote tests -iquote client -iquote server -Icommon \
	$(pkg_cflags) $(warnings)
# Thread-local variables take less than 1 KiB of each thread: so the library can still be loaded by
# dlopen(3), for which glibc leaves 1.5 KiB to all libraries together.
COMPILE = $(CC) $(language) -fPIC -ftls-model=initial-exec -fvisibility=hidden -fno-semantic-interposition -pthread \
	$(flavour.$(FLAVOUR)) $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) -pthread -Wl,--as-needed -Wl,-z,relro -Wl,-z,now $(flavour.$(FLAVOUR)) $(CFLAGS) \
	$(LDFLAGS)
LIBS = $(LDLIBS) $(pkg_libs)
comma := ,
say = $(if $(V),,@echo '  $(1) $@';)

# Objects and programs.

objects = $(patsubst %,$(OBJ)/%.o,$(basename $(1)))
common_o := $(call objects,$(COMMON) $(wildcard common/coro/*.S))
cli_o := $(call objects,$(CLI))
server_o := $(call objects,$(SERVER) server/page/files.S)
# All but what makes a program of it.
server_parts_o := $(filter-out %/main.o %/server.o,$(server_o))
client_o := $(call objects,$(CLIENT:%=client/%.c))
client_parts_o := $(filter-out %/main.o,$(client_o))
# How a server is reached is the same for both, and what text is in JSON.
wsbench_o := $(call objects,$(WSBENCH:%=client/bench/%.c) client/network.c client/json_text.c)

# In the library await() records nothing.
$(common_o): private extra = -DAW_LIBRARY

programs := $(if $(server_o),$(BUILD)/wsechod) $(if $(client_o),$(BUILD)/wsecho) \
	$(if $(wsbench_o),$(BUILD)/wsbench)
library := $(BUILD)/libawait.a $(BUILD)/libawait.so
examples := $(EXAMPLES:%=$(BUILD)/examples/%)
benches := $(BENCHES:%=$(BUILD)/bench/%)
scenarios := $(SCENARIOS:%=$(BUILD)/oracle/%)
# libwebsockets' own WebSocket role, as peers.
lws_peers := $(BUILD)/bench/lws_client $(BUILD)/bench/lws_echo
unit := $(UNIT:%=$(BUILD)/tests/%)
fuzz := $(FUZZ:%=$(BUILD)/tests/%)

all: $(programs) $(library) ## build the programs and the library (the default)

$(BUILD)/wsechod: $(server_o) $(OBJ)/common.a
$(OBJ)/server/page/files.o: $(wildcard server/page/*.html server/page/*.css server/page/*.js)
$(BUILD)/wsecho: $(client_o) $(OBJ)/common.a
$(BUILD)/wsbench: $(wsbench_o) $(OBJ)/common.a
$(BUILD)/wsechod: private extra = $(jansson_libs) $(crypt_libs)
$(BUILD)/wsecho: private extra = $(jansson_libs) $(edit_libs)
$(BUILD)/wsbench: private extra = $(jansson_libs) -lm
$(client_o): private extra = $(jansson_cflags) $(edit_cflags)
$(server_o) $(wsbench_o): private extra = $(jansson_cflags)
# Nor does wsbench record the awaits of each message.
$(addprefix $(OBJ)/client/bench/,traffic.o connection.o): private extra = -DAW_LIBRARY
$(examples): $(BUILD)/examples/%: $(OBJ)/common/examples/%.o $(BUILD)/libawait.a
$(scenarios): $(BUILD)/oracle/%: $(OBJ)/tests/oracle/%.o $(BUILD)/libawait.a
$(benches): $(BUILD)/bench/%: $(OBJ)/tests/bench/%.o $(OBJ)/client/bench/histogram.o $(OBJ)/common.a
$(benches): private extra = -lm
$(filter $(BUILD)/tests/server/%,$(unit)): $(BUILD)/tests/%: $(OBJ)/tests/unit/%.o $(server_parts_o)
$(filter $(BUILD)/tests/client/%,$(unit)): $(BUILD)/tests/%: $(OBJ)/tests/unit/%.o $(client_parts_o)
$(unit): $(BUILD)/tests/%: $(OBJ)/tests/unit/%.o $(OBJ)/common.a
# Those of wsbench.
wsbench_unit := $(filter $(BUILD)/tests/bench/%,$(unit))
$(wsbench_unit): $(filter-out %/main.o,$(wsbench_o))
# A test may stand between the library and functions of the C library, and says so: "Wraps: NAMES".
wraps = $(patsubst %,-Wl$(comma)--wrap=%,\
	$(shell sed -n 's:^/\* Wraps\: \(.*\)\. \*/$$:\1:p' \
	$(wildcard $(@:$(BUILD)/tests/%=tests/unit/%.c) $(@:$(BUILD)/tests/%=tests/fuzz/%.c))))
$(unit): private extra = $(cmocka_libs) $(wraps)
$(wsbench_unit): private extra += $(OBJ)/common.a $(jansson_libs) -lm
$(filter $(BUILD)/tests/server/%,$(unit)): private extra += $(OBJ)/common.a $(jansson_libs) $(crypt_libs)
$(filter $(BUILD)/tests/client/%,$(unit)): private extra += $(OBJ)/common.a $(jansson_libs) $(edit_libs)
# A fuzzer takes what it needs of the programs. Without libFuzzer it replays its corpus.
$(fuzz): $(BUILD)/tests/%: $(OBJ)/tests/fuzz/%.o $(OBJ)/programs.a $(OBJ)/common.a
$(if $(filter fuzz,$(FLAVOUR)),,$(fuzz): $(OBJ)/tests/fuzz/replay.o)
$(fuzz): private extra = $(if $(filter fuzz,$(FLAVOUR)),-fsanitize=fuzzer) $(jansson_libs) $(crypt_libs) $(edit_libs) -lm $(wraps)
$(FUZZ:%=$(OBJ)/tests/fuzz/%.o): private extra = $(jansson_cflags) $(edit_cflags)
# What tests is compiled in half the time.
quick.release := -O0 -U_FORTIFY_SOURCE
$(UNIT:%=$(OBJ)/tests/unit/%.o): private extra = $(quick.$(FLAVOUR))

$(programs) $(examples) $(scenarios) $(benches) $(unit) $(fuzz):
	@mkdir -p $(@D)
	$(call say,LINK)$(LINK) -pie -o $@ $^ $(extra) $(LIBS)

# All of the library, for our own programs.
$(OBJ)/common.a: $(common_o) $(cli_o)
	@rm -f $@ && $(AR) rcs $@ $^

# All but what makes programs of them.
$(OBJ)/programs.a: $(server_parts_o) $(filter-out %/main.o,$(client_o) $(wsbench_o))
	@rm -f $@ && $(AR) rcs $@ $^

# One object, in which only what is marked AW_API is still global.
$(BUILD)/libawait.a: $(common_o)
	$(call say,LIB )$(CC) -nostdlib -r -o $(OBJ)/await.o $^
	@$(OBJCOPY) --localize-hidden $(OBJ)/await.o
	@rm -f $@ && $(AR) rcs $@ $(OBJ)/await.o

$(BUILD)/libawait.so: $(common_o)
	$(call say,LIB )$(LINK) -shared -Wl,-soname,$(@F).$(SOVERSION) -o $@.$(SOVERSION) $^ $(LIBS)
	@ln -sf $(@F).$(SOVERSION) $@

$(OBJ)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC  )$(COMPILE) $(extra) -MMD -MP -c -o $@ $<

$(OBJ)/%.o: %.S $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,AS  )$(COMPILE) -MMD -MP -c -o $@ $<

-include $(shell find $(OBJ) -name '*.d' 2>&-)

# Changes when the flags do, and then everything is built anew.
$(BUILD)/flags: FORCE | deps
	@mkdir -p $(@D)
	@printf '%s\n' $(call quote,$(COMPILE) $(LINK) $(LIBS)) >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
quote = '$(subst ','\'',$(1))'

# The packages that are missing: all goals need what it takes to build, some need more. Who builds
# and installs has packages installed by nobody but himself; who runs or tests wants to see it run.
# Each has a group of packages of its name.
alone := prometheus testssl lint fuzz analyze valgrind coverage
installing := deps run demo test asan interop loops tsan soak neighbours check-all page-% deploy-test conformance mutation bench% %/tested \
	$(alone) fuzzed
deps: ## install the packages that are missing to build
	@tests/deps $(if $(filter $(installing),$(MAKECMDGOALS)),,--check) \
		build $(if $(filter test %/tested interop loops page-% deploy-test bench% conformance mutation soak neighbours,$(MAKECMDGOALS)),test \
		$(if $(filter true,$(CI)),peers)) \
		$(if $(filter page-%,$(MAKECMDGOALS)),page) \
		$(if $(filter deploy-test,$(MAKECMDGOALS)),prometheus deploy) \
		$(filter $(alone),$(MAKECMDGOALS)) $(if $(filter bench%,$(MAKECMDGOALS)),bench)

# Running.

port := $(or $(PORT),7681)
url := wss://localhost:$(port)

run: $(programs) certs ## serve wss://localhost:7681 in the foreground; PORT=N, or url=ws://...
	@exec tests/serve $(BUILD) certs $(call quote,$(url))

demo: $(programs) certs ## one round trip: start the server, send "Hello World!", print the reply
	@timeout --foreground 30 tests/demo $(BUILD) certs

examples: $(examples) ## build the example programs

certs: | deps ## make the development CA and the certificate for localhost
	@certs/make-certs

# Testing. Tests find the programs in $BUILD, a certificate in $CERTS, and in $AW_TEST_LOOP the
# back end to run on.

cases := $(addprefix $(BUILD)/tests/,$(ONCE) $(FUZZ)) $(foreach loop,ev uv poll,\
	$(addprefix $(loop):$(BUILD)/tests/,$(filter-out $(ONCE),$(UNIT))))
suite.release := $(cases) $(ORACLE) $(TOOLS) $(BENCH_TESTS) $(E2E) $(INTEROP)
suite.debug := $(suite.release)
suite.clang := $(cases)
suite.asan := $(cases) $(ORACLE) $(BENCH_TESTS) $(E2E)
suite.tsan := $(addprefix $(BUILD)/tests/,$(THREADS))
# What is installed is nobody's to count. Other software would take minutes, and without it 94 % of common/
# and 93 % of server/ have run.
suite.coverage := $(cases) $(ORACLE) $(filter-out %/install_test.py,$(E2E))
suite := $(suite.$(FLAVOUR))
# In CI nothing may be skipped, but for what cannot be under a sanitizer.
strict := $(and $(filter true,$(CI)),$(filter release,$(FLAVOUR)),--strict)
limit := $(if $(filter asan tsan coverage,$(FLAVOUR)),180,60)
in_tests = env -u MAKEFLAGS -u MAKELEVEL BUILD=$(BUILD) CERTS=build/certs \
	NODE_PATH=$(call quote,$(CURDIR)/build/npm/node_modules) $(PYTHON)
# A machine that others use may stall: a few failed programs run once more there, and are named.
again := $(if $(filter true,$(CI)),--again 3)
run_tests = $(in_tests) tests/run $(V:%=-v) $(strict) $(again) -t $(limit) $(if $(under),--under $(call quote,$(under))) $(suite) && touch $(BUILD)/tested
tested := $(programs) $(library) $(examples) build/certs/localhost.pem \
	$(filter $(BUILD)/%,$(subst :, ,$(suite))) \
	$(if $(filter $(BENCH_TESTS),$(suite)),$(BUILD)/bench/limit) \
	$(if $(filter $(ORACLE),$(suite)),$(scenarios)) \
	$(if $(filter $(ALL_INTEROP),$(subst :, ,$(suite))),build/npm/stamp $(lws_peers))

export LSAN_OPTIONS ?= $(patsubst %,suppressions=%,$(wildcard tests/lsan.supp))
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS ?= halt_on_error=1

test: $(tested) ## run all tests; V=1 shows all that they print
	@$(run_tests)

# The same for those who do not mind if nothing has changed since.
$(BUILD)/tested: $(tested) $(wildcard tests/run tests/e2e/* tests/oracle/* tests/interop/* tests/lint/* \
	tests/bench/*_test.py tests/mutation/*)
	@$(run_tests)

build/certs/localhost.pem: | deps
	@certs/make-certs build/certs

# Without these packages, the tests that need them are skipped.
build/npm/stamp: tests/interop/package.json | deps
	@mkdir -p $(@D) && cp $< $(@D)
	@echo '  NPM  $(@D)'
	@cd $(@D) && if npm install --no-progress --no-audit --no-fund --no-package-lock >log 2>&1; \
		then touch stamp; else cat log >&2; \
		echo 'npm could not install its packages; tests that need them are skipped' >&2; fi

asan: ## run the tests under AddressSanitizer, UBSan and LeakSanitizer
	+@$(MAKE) FLAVOUR=asan test

# Prometheus is large, so it is asked for by itself.
prometheus: | deps ## scrape wsechod with a real Prometheus, and check the dashboard's queries
	+@$(MAKE) test suite='$(wildcard tests/monitor/*_test.py)'

# For minutes rather than seconds, so CI runs each for one: see check-all.
duration := 600
soak: $(programs) build/certs/localhost.pem ## 2,000 mixed clients, workers killed, reloads: duration=600 seconds
	@DURATION=$(duration) $(in_tests) tests/run -v -t $$(($(duration) + 120)) tests/soak/soak_test.py

neighbours: $(programs) build/certs/localhost.pem ## attacks beside clients that behave well, and what these notice
	@$(in_tests) tests/run -v -t 1200 tests/soak/neighbours_test.py

# It takes a minute or two.
testssl: | deps ## let testssl.sh look at the server's TLS
	+@$(MAKE) test suite='$(wildcard tests/tls/*_test.py)' limit=660

interop: ## run the tests with other software that take long; `test` runs the others
	+@$(MAKE) test suite='$(LONG)'

# The first of the back ends is the one that `test` runs the programs on.
loops: ## run the tests of both programs on the other back ends, libuv and poll
	+@$(MAKE) test suite='$(foreach loop,uv poll,$(addprefix $(loop):,$(E2E) $(ALL_INTEROP)))'

fuzz: | deps ## run the fuzzers, two at once: time=60 (seconds for each), only="http url"
	+@$(MAKE) FLAVOUR=fuzz fuzzed

fuzzed: $(fuzz)
	@tests/fuzz/run --time $(or $(time),60) --work $(BUILD)/corpus \
		$(if $(only),$(only:%=$(BUILD)/tests/%_fuzz),$(fuzz))

analyze: | deps ## look for faults with gcc -fanalyzer and cppcheck: files="client/*.c" (all)
	@FLAGS=$(call quote,$(language)) $(PYTHON) tests/lint/analyze.py $(files)

memcheck := valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
	--show-leak-kinds=definite

# The first of the back ends alone. What it does not know yet (pidfd_open(2)) is skipped.
valgrind: | deps ## run the unit tests under Valgrind's memcheck
	+@$(MAKE) test strict= limit=600 under=$(call quote,$(memcheck)) \
		suite='$(filter-out ev:% uv:% poll:% %_fuzz,$(cases)) $(filter ev:%,$(cases))'

hardening: $(programs) $(library) ## verify how the programs and the library were built
	@$(PYTHON) tests/lint/hardening.py $(programs) $(library)

coverage: | deps ## how much of the code runs in all tests but interop; it fails below 90 %
	@mkdir -p build/coverage && find build/coverage -name '*.gcda' -delete
	+@$(MAKE) FLAVOUR=coverage test
	@$(PYTHON) tests/lint/coverage.py build/coverage/obj

tsan: ## run the tests of threads under ThreadSanitizer
	+@$(MAKE) FLAVOUR=tsan test

# What a browser needs: see tests/deps.
browsing := $(programs) build/certs/localhost.pem build/npm/stamp

page-test: $(browsing) ## test the page in Chromium; its pictures are then in build/page
	@$(in_tests) tests/run $(V:%=-v) $(strict) -t 300 tests/page/page_test.py

build/npm-deploy/stamp: tests/deploy/package.json tests/deploy/kubernetes.mjs | deps
	@mkdir -p $(@D) && cp $^ $(@D)
	@echo '  NPM  $(@D)'
	@cd $(@D) && npm install --no-progress --no-audit --no-fund --no-package-lock >log 2>&1 || \
		{ cat log >&2; exit 1; }
	@touch $@

deploy-test: $(programs) build/npm-deploy/stamp ## check what server/deploy/ has for containers
	@$(in_tests) tests/run $(V:%=-v) $(strict) -t 120 tests/deploy/deploy_test.py

page-picture: $(browsing) ## make the README's picture anew, server/page/page.png
	@$(in_tests) tests/page/page_test.py --picture server/page/page.png

lint: $(library) ## check format, style, borders, awaits and exported symbols
	@BUILD=$(BUILD) FLAGS=$(call quote,$(language)) tests/lint/run

check-all: ## everything: tests on each back end, analysis, sanitizers, fuzzers, clang, demo
	+@$(MAKE) lint
	+@$(MAKE) $(BUILD)/tested
	+@$(MAKE) interop
	+@$(MAKE) loops
	+@$(MAKE) prometheus
	+@$(MAKE) testssl
	+@$(MAKE) page-test
	+@$(MAKE) soak duration=60
	+@$(MAKE) neighbours
	+@$(MAKE) deploy-test
	+@$(MAKE) asan
	+@$(MAKE) tsan
	+@$(MAKE) analyze
	+@$(MAKE) hardening
	+@$(MAKE) valgrind
	+@$(MAKE) coverage
	+@$(MAKE) fuzz
	+@$(MAKE) FLAVOUR=clang all examples && $(MAKE) FLAVOUR=clang test
	+@$(MAKE) examples demo

distro: ## run the tests on a bare Debian, as root: release=trixie, where=/var/tmp (1 GB)
	+@tests/distro $(release) $(where)

# In a copy of the tree, which has all mutants of the sample built in: see tests/mutation.
mutation: build/npm/stamp | deps ## see what the tests notice: count=200, seed=1, only=common/ws, minutes=60
	@$(PYTHON) tests/mutation/run.py $(count:%=--count %) $(seed:%=--seed %) $(only:%=--only %) \
		$(minutes:%=--minutes %) $(again:%=--again %) $(with:%=--%) $(cases) $(ORACLE) $(E2E) $(INTEROP)

# What its peers in C++ and Go need may not be here: they are skipped then, with a word.
judged := $(programs) $(lws_peers) build/npm/stamp build/certs/localhost.pem

conformance: $(judged) ## test wsechod and others for RFC 6455 and RFC 7692
	@tests/conformance/peers/compile $(BUILD)/conformance
	@BUILD=$(BUILD) CERTS=build/certs NODE_PATH=$(CURDIR)/build/npm/node_modules \
		$(PYTHON) tests/conformance/everybody

# Both compare with another build's server, too: make bench against=../before/build. The latter
# lists the dearest functions with top=20.
versus = $(if $(against),--against $(call quote,$(against)))

bench: $(programs) $(benches) build/npm/stamp build/certs/localhost.pem ## measure the echo, beside others
	@$(if $(against),,tests/conformance/peers/compile $(BUILD)/conformance)
	@BUILD=$(BUILD) CERTS=build/certs $(PYTHON) tests/bench/echo.py $(versus) \
		--save $(or $(save),$(BUILD)/bench/results)

bench-instructions: $(programs) $(BUILD)/bench/limit certs ## count instructions
	@BUILD=$(BUILD) CERTS=certs $(PYTHON) tests/bench/instructions.py $(versus) \
		$(top:%=--top %)

bench-await: $(benches) ## measure the library, beside asyncio
	@BUILD=$(BUILD) $(PYTHON) tests/bench/await.py

bench-await-instructions: $(BUILD)/bench/await_bench ## count the instructions of the library's operations
	@BUILD=$(BUILD) $(PYTHON) tests/bench/await_instructions.py $(versus) $(top:%=--top %)

# Installing.

# In a recipe: a path below the prefix, which may have spaces.
to = $(call quote,$(DESTDIR)$(PREFIX)/$(1))
# As pkg-config reads it: words are divided as in a shell.
space := $() $()
escape = $(subst $(space),\$(space),$(subst ",\",$(subst ',\',$(subst \,\\,$(1)))))
bash_completions := share/bash-completion/completions
zsh_completions := share/zsh/site-functions
# Each function has a page: a link to the one that tells of it, which names it under NAME.
names = $(shell sed -n 's/^\.Nm \([aw][ws]_[a-z_]*\).*/\1/p' $(1))
man = share/man/man$(1)
pages = $(filter %.$(1),$(MAN))
# What operators begin with: units, which start the installed program, and examples.
units := lib/systemd/system
deploy := $(addprefix server/deploy/,wsechod.service wsechod.socket)
examples_to := share/doc/wsechod/examples
examples_of_use := $(addprefix server/deploy/,wsechod.conf haproxy.cfg nginx.conf kubernetes.yaml prometheus.yml \
	grafana.json grafana.yaml)
# A path as a word of a unit, and a text as sed puts it in.
unit_word = $(subst $(space),\s,$(subst $$,$$$$,$(subst %,%%,$(subst ",\",$(subst ',\',$(subst \,\\,$(1)))))))
replacement = $(subst |,\|,$(subst &,\&,$(subst \,\\,$(1))))

install: all ## install into PREFIX (/usr/local), below DESTDIR
	install -d $(foreach d,bin lib/pkgconfig include/await share/await $(foreach n,1 3 8,$(call man,$n)) \
		$(bash_completions) $(zsh_completions) $(units) $(examples_to),\
		$(call to,$d))
	install $(programs) $(call to,bin)
	install -m 644 $(library:%.so=%.so.$(SOVERSION)) $(call to,lib)
	ln -sf libawait.so.$(SOVERSION) $(call to,lib/libawait.so)
	install -m 644 $(PUBLIC) $(call to,include/await)
	@printf '/* All of the library. */\n$(PUBLIC:common/%=#include <%>\n)' | sed 's/^ //' \
		>$(BUILD)/await.h
	install -m 644 $(BUILD)/await.h $(call to,include)
	install -m 644 common/gdb/await.py $(call to,share/await/gdb.py)
	@printf '%s\n' $(call quote,prefix=$(call escape,$(PREFIX))) 'libdir=$${prefix}/lib' 'includedir=$${prefix}/include' '' \
		'Name: libawait' 'Version: $(VERSION)' \
		'Description: asyncio for C, on the libwebsockets service loop' \
		'Libs.private: $(strip $(pkg_libs)) -pthread' \
		'Libs: -L$${libdir} -lawait' 'Cflags: -I$${includedir} -pthread' >$(BUILD)/await.pc
	install -m 644 $(BUILD)/await.pc $(call to,lib/pkgconfig)
	@$(foreach program,$(programs),\
		$(program) --completion bash >$(BUILD)/$(notdir $(program)).bash && \
		$(program) --completion zsh >$(BUILD)/_$(notdir $(program)) &&) :
	$(foreach name,$(notdir $(programs)),\
		install -m 644 $(BUILD)/$(name).bash $(call to,$(bash_completions)/$(name)) && \
		install -m 644 $(BUILD)/_$(name) $(call to,$(zsh_completions)) &&) :
	$(foreach n,1 3 8,install -m 644 $(call pages,$n) $(call to,$(call man,$n)) &&) :
	@$(foreach unit,$(notdir $(deploy)),\
		sed s$(call quote,|/usr/local/bin/|$(call replacement,$(call unit_word,$(PREFIX)/bin/))|) \
			server/deploy/$(unit) >$(BUILD)/$(unit) &&) :
	install -m 644 $(addprefix $(BUILD)/,$(notdir $(deploy))) $(call to,$(units))
	install -m 644 $(examples_of_use) $(call to,$(examples_to))
	@$(foreach page,$(call pages,3),$(foreach name,$(call names,$(page)),\
		ln -sf $(notdir $(page)) $(call to,$(call man,3)/$(name).3) &&)) :
	@$(if $(DESTDIR),,$(tell_linker))

# The dynamic linker finds a new library when ldconfig has been run, if it looks there at all.
define tell_linker
PATH="$$PATH:/sbin:/usr/sbin"; lib=$(call quote,$(PREFIX)/lib); looks=; \
for dir in $$(ldconfig -NXv 2>&- | sed -n 's,^\(/[^:]*\):.*,\1,p'); do \
	if [ "$$dir" -ef "$$lib" ]; then looks=yes; fi; done; \
if [ -z "$$looks" ]; then echo "Programs find libawait.so in $$lib if linked with -Wl,-rpath,$$lib"; \
elif [ "$$(id -u)" -eq 0 ]; then ldconfig; \
else echo 'Programs find libawait.so when root has run ldconfig'; fi
endef

uninstall: ## remove what install installed
	rm -f $(foreach f,bin/wsechod bin/wsecho bin/wsbench lib/pkgconfig/await.pc \
		$(addprefix lib/libawait.,a so so.$(SOVERSION)),$(call to,$f))
	rm -rf $(call to,include/await) $(call to,share/await) $(call to,share/doc/wsechod)
	rm -f $(foreach unit,$(notdir $(deploy)),$(call to,$(units)/$(unit)))
	rm -f $(call to,include/await.h)
	rm -f $(foreach name,$(notdir $(programs)),$(call to,$(bash_completions)/$(name)) \
		$(call to,$(zsh_completions)/_$(name)))
	rm -f $(foreach n,1 3 8,$(foreach page,$(call pages,$n),\
		$(call to,$(call man,$n)/$(notdir $(page)))))
	@rm -f $(foreach name,$(call names,$(call pages,3)),$(call to,$(call man,3)/$(name).3))

clean: ## remove everything that was built
	rm -rf build

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

.PHONY: all deps run demo examples certs fuzz fuzzed analyze valgrind hardening coverage test asan interop loops tsan prometheus testssl soak neighbours lint check-all page-test \
	page-picture deploy-test distro \
	conformance mutation bench bench-await bench-await-instructions bench-instructions \
	install uninstall clean help FORCE
