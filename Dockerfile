# The project's image: one for all its services (docker-compose.yml).
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

RUN useradd --create-home --uid 10001 velib \
    && mkdir -p /opt/velib /var/lib/velib /landing \
    && chown velib:velib /opt/velib /var/lib/velib /landing

WORKDIR /opt/velib

# The packages first: they change less often than the code.
COPY requirements.lock ./
RUN pip install --no-deps --require-hashes --requirement requirements.lock

COPY --chown=velib:velib . .
RUN pip install --no-deps --no-build-isolation --no-index --editable .

USER velib
# dbt's profile and the project as dbt reads it, so that no start of a container has to. Connects to nothing.
RUN python -P -c 'from warehouse import dbt_process; dbt_process.read_project()'

CMD ["velib", "--help"]
