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
# dbt's profile and manifest, so that Dagster need not make them at every start. Parsing connects to nothing.
RUN python -c 'from warehouse import dbt_profile; dbt_profile.refresh()' \
    && cd dbt_project && VELIB_DATABASE_URL=postgresql://nobody@localhost/nothing dbt parse --quiet

CMD ["velib", "--help"]
