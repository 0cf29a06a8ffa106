# All of Purser in one image: api, worker, scheduler, the command purser, and the payment emulator for trying it out.
# Build: docker build -t purser .

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# The queries are checked against the committed descriptions in .sqlx, so no database is needed.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release \
        --package api --package worker --package scheduler --package command --package emulator \
    && mkdir -p /out \
    && cp target/release/api target/release/worker target/release/scheduler target/release/purser target/release/emulator /out/

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home --uid 10001 purser
COPY --from=build /out/ /usr/local/bin/
USER 10001
ENV LOG_FORMAT=json
CMD ["api"]
