# make demo: installs missing packages, builds, converts a real network and scores it.
# make test: the same for the tests.

PREFIX = /usr/local

SWIFT_BUILD = swift build -c release $$(scripts/swift-flags)
# Tests run optimized: without optimization the reference engine is many times slower.
SWIFT_TEST = swift test -c release -Xswiftc -enable-testing --scratch-path .build-test $$(scripts/swift-flags)

.PHONY: demo test build install uninstall check-install docs site example conformance conformance-light python-test \
	wheel hostile faults sanitize sanitize-thread sanitize-address leaks benchmark dist setup lint format clean

demo: build
	scripts/demo "$$(swift build -c release --show-bin-path)/normconv"

test: setup
	scripts/test $(SWIFT_TEST)

build: setup
	$(SWIFT_BUILD) --product normconv

# The program, its man page and completions for bash, zsh and fish: make install PREFIX=$$HOME/.local
install:
	scripts/install "$(DESTDIR)$(PREFIX)"

uninstall:
	scripts/install --remove "$(DESTDIR)$(PREFIX)"

# Installs into a temporary folder and checks what is there.
check-install:
	scripts/check-install

# The program for Linux machines on which nothing else is installed, with the licences of what is in it: dist/.
dist: setup
	scripts/dist

# The library's documentation, in .build/docs; a link to something that is not there is an error.
docs: setup
	scripts/docs .build/docs

# The documents, the library's documentation and figures as pages, in site, for any static host; for one that serves the
# folder at /normconv/: SITE_BASE=normconv.
site: build
	scripts/site "$$(swift build -c release --show-bin-path)/normconv" site

# The package in Examples that uses the library, built with what the program is built from, on the networks of Fixtures.
example: setup
	scripts/example

# Uses Keras, PyTorch, torchvision and timm from PyPI, in a virtual environment outside the repository. If all outputs
# agree, it rewrites the table in Documentation/Conformance.md.
conformance: build
	scripts/conformance "$$(swift build -c release --show-bin-path)/normconv" --table Documentation/Conformance.md

# The part that needs only Keras and JAX. Takes a minute.
conformance-light: build
	scripts/conformance "$$(swift build -c release --show-bin-path)/normconv" --light

# The Python package in Python/, with Keras, JAX and PyTorch from PyPI in a virtual environment outside the repository.
python-test: build
	scripts/python-tests "$$(swift build -c release --show-bin-path)/normconv"

# The Python wheel and sdist, in dist/, around the program that make dist builds. Linux only.
wheel: setup
	scripts/wheel

# 412 hostile files, each with its own error, and 200,000 damaged copies of good ones. See SECURITY.md.
hostile: build
	$(SWIFT_BUILD) --product normconv-fuzz
	folder=$$(swift build -c release --show-bin-path) && scripts/hostile "$$folder/normconv" "$$folder/normconv-fuzz" 200000

# Kills, full disks, vanishing inputs, signals: Conformance/README.md. Linux only.
faults: build
	Conformance/faults.py --normconv "$$(swift build -c release --show-bin-path)/normconv"

# The tests with the thread and the address sanitizer, and the hostile files with the latter, in separate build folders.
sanitize: sanitize-thread sanitize-address

# Leaves out tests that start processes, whose pipes and signals conflict with the sanitizer, and the pretrained networks,
# which take more than 38 minutes.
sanitize-thread: setup
	TSAN_OPTIONS="suppressions=$(CURDIR)/scripts/thread-sanitizer.supp halt_on_error=0 exitcode=66" \
	swift test -c release --skip CommandTests --skip CrashGuardTests --skip PretrainedTests -Xswiftc -enable-testing --sanitize=thread --scratch-path .build-tsan $$(scripts/swift-flags)

# Also runs the hostile files and 2,000 damaged ones. Swift's runtime never frees some of its memory, libhdf5 allocates what a
# damaged file declares, and reports have their own exit code.
sanitize-address: export ASAN_OPTIONS = detect_leaks=0:allocator_may_return_null=1:exitcode=99:suppressions=$(CURDIR)/scripts/address-sanitizer.supp
sanitize-address: setup
	swift test -c release -Xswiftc -enable-testing --sanitize=address --scratch-path .build-asan $$(scripts/swift-flags)
	scripts/hostile .build-asan/release/normconv .build-asan/release/normconv-fuzz 2000 --sanitized

# A thousand conversions in one process, whose memory is watched.
leaks: setup
	NORMCONV_LEAKS=1 $(SWIFT_TEST) --filter LeakTests

# Compares with ONNX Runtime, OpenVINO and PyTorch from PyPI, in a virtual environment outside the repository.
benchmark: build
	scripts/benchmark "$$(swift build -c release --show-bin-path)/normconv" --output benchmark.json

setup:
	@scripts/setup

lint:
	swift format lint --strict -r Package.swift Sources Tests Examples
	scripts/public-types

format:
	swift format -i -r Package.swift Sources Tests Examples

clean:
	rm -rf .build .build-test .build-install .build-dist .build-tsan .build-asan site
