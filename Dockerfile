# Two stages: the first has the tools and makes /opt/gateway, the second has Python and that folder.
# Give PYTHON_IMAGE with a digest where the same bytes must be built again.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/build.txt requirements/run.txt requirements/
# Only wheels with a known hash: nothing is compiled, and no package's own setup code runs. The
# environment has no pip of its own, so that the image cannot install anything later.
RUN python -m venv --without-pip /opt/gateway \
    && python -m venv /opt/build \
    && python -m pip --python /opt/gateway install --require-hashes --only-binary :all: -r requirements/run.txt \
    && /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE openapi.yaml ./
COPY service/ service/
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --no-index -w /dist . \
    && python -m pip --python /opt/gateway install --no-deps --no-index /dist/*.whl

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="approval-gateway" \
      org.opencontainers.image.description="Proves who approved a payment, and sends it to Reloadly exactly once." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/gateway /opt/gateway
# Nothing is written beside the code, so the file system may be mounted read-only.
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ENVIRONMENT=production \
    HOST=0.0.0.0 \
    PORT=8000 \
    HEALTH_URL=http://127.0.0.1:8000/healthz
# A number, so that an orchestrator can prove that it is not root.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(os.environ['HEALTH_URL'], timeout=2)"]
ENTRYPOINT ["gateway"]
CMD ["serve"]
