# docker build -t normconv .
# docker run --rm -v "$PWD:/data" normconv inspect resnet50.h5

FROM swift:6.3-bookworm AS build
WORKDIR /normconv
COPY scripts/setup scripts/swift-flags scripts/
# Versions are Debian 12's: its mirrors keep no older ones to pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends make python3 \
    && scripts/setup \
    && rm -rf /var/lib/apt/lists/*
COPY . .
RUN make install PREFIX=/usr/local DESTDIR=/installed

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libdnnl2 libhdf5-103-1 libspng0 libturbojpeg0 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home normconv
COPY --from=build /installed/usr/local /usr/local
USER 1000
WORKDIR /data
ENTRYPOINT ["normconv"]
CMD ["--help"]
