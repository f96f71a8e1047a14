# mqledger's services in one image: `mqledger ingest`, `projector`, `api`, `connector`, `topics`, `migrate`, ...
# Kafka and Postgres are not in it, and neither are a Java runtime or development tools.
# The base is pinned by its tag; who needs more pins its digest: docker buildx imagetools inspect <tag>.

ARG PYTHON=python:3.13.9-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /build
RUN python -m venv /opt/mqledger
ENV PATH=/opt/mqledger/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/build.txt requirements/services.txt requirements/
# Everything by hash, nothing built from source but ourselves.
RUN pip install --require-hashes --only-binary :all: -r requirements/services.txt \
    && python -m venv --system-site-packages /opt/builder \
    && /opt/builder/bin/pip install --require-hashes --only-binary :all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY domain domain
COPY ops ops
COPY ingest ingest
COPY projector projector
COPY query_api query_api
COPY connector connector
COPY mqledger_client mqledger_client
COPY stack stack
RUN /opt/builder/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /build/wheels . \
    && pip install --no-deps --no-index /build/wheels/*.whl \
    && pip check \
    && pip uninstall --yes pip

FROM ${PYTHON}
LABEL org.opencontainers.image.title="mqledger" \
      org.opencontainers.image.description="An event-sourced message broker" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin mqledger
COPY --from=build /opt/mqledger /opt/mqledger
ENV PATH=/opt/mqledger/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /tmp
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["mqledger"]
CMD ["--help"]
