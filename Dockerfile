# The same steps as the Makefile: an environment with the pinned versions, then the package.
FROM python:3.11-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
RUN python -m venv .venv && .venv/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
COPY pyproject.toml constraints.txt dagster.yaml workspace.yaml README.md ./
COPY ml_assets ml_assets
RUN .venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --constraint constraints.txt ".[duckdb,mysql,postgres,s3]"

FROM python:3.11-slim
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 ml
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY dagster.yaml workspace.yaml ./
RUN mkdir -p /state /app/data && chown ml:ml /state /app/data
USER 1000
ENV PATH=/app/.venv/bin:$PATH ML_ASSETS_HOME=/state OMP_NUM_THREADS=1 DO_NOT_TRACK=true
VOLUME /state
EXPOSE 3000 4000 5000 8000
# Of the web UI; who runs another command says another (deploy/).
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:3000/server_info', timeout=5)"]
CMD ["ml-assets", "ui", "--host", "0.0.0.0"]
