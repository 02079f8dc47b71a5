# make demo: installs what is missing, builds, converts a real network and scores it.
# make test: the same for the tests.

SWIFT_BUILD = swift build -c release $$(scripts/swift-flags)
# Tests run optimized: the reference engine is many times slower without.
SWIFT_TEST = swift test -c release -Xswiftc -enable-testing --scratch-path .build-test $$(scripts/swift-flags)

.PHONY: demo test build docs example conformance conformance-light hostile faults sanitize sanitize-thread sanitize-address leaks \
	benchmark setup lint format clean

demo: build
	scripts/demo "$$(swift build -c release --show-bin-path)/normconv"

test: setup
	$(SWIFT_TEST)

build: setup
	$(SWIFT_BUILD) --product normconv

# The library's documentation, in .build/docs; a link to something that is not there is an error.
docs: setup
	scripts/docs .build/docs

# The package in Examples that uses the library, built with what the program is built from, on the networks of Fixtures.
example: setup
	scripts/example

# With Keras, PyTorch, torchvision and timm from PyPI, in a virtual environment outside the repository. Where all outputs
# agree, the table in Documentation/Conformance.md is written anew.
conformance: build
	scripts/conformance "$$(swift build -c release --show-bin-path)/normconv" --table Documentation/Conformance.md

# The part that needs Keras and JAX only: a minute.
conformance-light: build
	scripts/conformance "$$(swift build -c release --show-bin-path)/normconv" --light

# 299 hostile files, each with its own error, and 200,000 damaged copies of good ones. See SECURITY.md.
hostile: build
	$(SWIFT_BUILD) --product normconv-fuzz
	folder=$$(swift build -c release --show-bin-path) && scripts/hostile "$$folder/normconv" "$$folder/normconv-fuzz" 200000

# Kills, full disks, vanishing inputs, signals: Conformance/README.md. Linux only.
faults: build
	Conformance/faults.py --normconv "$$(swift build -c release --show-bin-path)/normconv"

# The tests with the thread and the address sanitizer, the hostile files with the latter, each in a build folder of its own.
sanitize: sanitize-thread sanitize-address

# Without those that start processes, whose pipes and signals do not get on with the sanitizer, and without the pretrained
# networks, which had not ended after 38 minutes.
sanitize-thread: setup
	TSAN_OPTIONS="suppressions=$(CURDIR)/scripts/thread-sanitizer.supp halt_on_error=0 exitcode=66" \
	swift test -c release --skip CommandTests --skip CrashGuardTests --skip PretrainedTests -Xswiftc -enable-testing --sanitize=thread --scratch-path .build-tsan $$(scripts/swift-flags)

# And the hostile files, and 2,000 damaged ones. Swift's runtime never frees some of its memory; libhdf5 asks for as much as a
# damaged file says; reports have an exit code of their own.
sanitize-address: export ASAN_OPTIONS = detect_leaks=0:allocator_may_return_null=1:exitcode=99:suppressions=$(CURDIR)/scripts/address-sanitizer.supp
sanitize-address: setup
	swift test -c release -Xswiftc -enable-testing --sanitize=address --scratch-path .build-asan $$(scripts/swift-flags)
	scripts/hostile .build-asan/release/normconv .build-asan/release/normconv-fuzz 2000 --sanitized

# A thousand conversions in one process, whose memory is watched.
leaks: setup
	NORMCONV_LEAKS=1 $(SWIFT_TEST) --filter LeakTests

# Beside ONNX Runtime, OpenVINO and PyTorch from PyPI, in a virtual environment outside the repository.
benchmark: build
	scripts/benchmark "$$(swift build -c release --show-bin-path)/normconv" --output benchmark.json

setup:
	@scripts/setup

lint:
	swift format lint --strict -r Package.swift Sources Tests Examples

format:
	swift format -i -r Package.swift Sources Tests Examples

clean:
	rm -rf .build .build-test .build-tsan .build-asan
