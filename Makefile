# make demo: installs what is missing, builds, converts a real network and scores it.
# make test: the same for the tests.

SWIFT_BUILD = swift build -c release $$(scripts/swift-flags)
# Tests run optimized: the reference engine is many times slower without.
SWIFT_TEST = swift test -c release -Xswiftc -enable-testing --scratch-path .build-test $$(scripts/swift-flags)

.PHONY: demo test build conformance conformance-light benchmark setup lint format clean

demo: build
	scripts/demo "$$(swift build -c release --show-bin-path)/normconv"

test: setup
	$(SWIFT_TEST)

build: setup
	$(SWIFT_BUILD) --product normconv

# With Keras, PyTorch, torchvision and timm from PyPI, in a virtual environment outside the repository; where all agrees,
# the README's table is written anew.
conformance: build
	scripts/conformance "$$(swift build -c release --show-bin-path)/normconv" --readme README.md

# The part that needs Keras and JAX only: a minute.
conformance-light: build
	scripts/conformance "$$(swift build -c release --show-bin-path)/normconv" --light

# Beside ONNX Runtime, OpenVINO and PyTorch from PyPI, in a virtual environment outside the repository.
benchmark: build
	scripts/benchmark "$$(swift build -c release --show-bin-path)/normconv" --output benchmark.json

setup:
	@scripts/setup

lint:
	swift format lint --strict -r Package.swift Sources Tests

format:
	swift format -i -r Package.swift Sources Tests

clean:
	rm -rf .build .build-test
