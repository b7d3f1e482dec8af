# The server as an image. Build it with the Docker image format, in which HEALTHCHECK exists:
#
#   docker build -t vau .        or        buildah build --format docker -t vau .
#
# --build-arg REVISION="$(git rev-parse HEAD)" labels it with its commit; --secret id=pip.conf,src=FILE
# lends pip another index, and --secret id=ca.crt,src=FILE its authority. docs/image.md has more.

# What runs, and what the environment is made for.
FROM debian:12-slim AS python
# Debian keeps one version of a package in a release: the older one of a pin would be gone.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/cache/ldconfig/* \
 && groupadd --gid 10001 vau \
 && useradd --uid 10001 --gid vau --no-create-home --shell /usr/sbin/nologin vau \
 && install -d -o vau -g vau -m 0750 /run/vau # a volume that is mounted here begins as its user's

FROM python AS build
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
    ca-certificates gcc libc6-dev python3-dev python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# The libraries first: they change less often than the source, and stay in the layer cache.
COPY requirements/build.txt requirements/web.txt requirements/sbom.txt requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.crt,target=/run/secrets/ca.crt \
    python3 -m venv /opt/vau \
 && /opt/vau/bin/pip install -r requirements/build.txt \
 && /opt/vau/bin/pip install --no-build-isolation --use-pep517 -r requirements/web.txt \
 && python3 -m venv /opt/sbom \
 && /opt/sbom/bin/pip install --no-compile -r requirements/sbom.txt
COPY . .
# A package whose C does not compile installs all the same, with numpy in its place. Not here.
RUN /opt/vau/bin/pip wheel --no-build-isolation --no-index --no-deps -w /wheels . \
 && /opt/vau/bin/pip install --no-index --no-deps /wheels/*.whl \
 && /opt/vau/bin/python -c 'import vau.search._native, vau_backends.muntaniala.kernel._native, vau_backends.rpu.kernel._native' \
 && /opt/vau/bin/pip uninstall -y setuptools pip \
 && find /opt/vau -type d -name tests -prune -exec rm -r {} + # of numpy and scipy: 46 MB
# What the image holds: the packages of Debian in the first stage, and those of Python.
COPY --from=python /var/lib/dpkg/status /image/var/lib/dpkg/status
RUN /opt/sbom/bin/cyclonedx-py environment --sv 1.6 --pyproject pyproject.toml -o python.json /opt/vau/bin/python \
 && /opt/sbom/bin/debsbom generate -t cdx --cdx-schema-version 1.6 -r /image -o debian \
 && /opt/sbom/bin/debsbom merge -t cdx --cdx-schema-version 1.6 --distro-name vau-image -o /vau python.json debian.cdx.json \
 && /opt/sbom/bin/python -c 'from cyclonedx.schema import SchemaVersion; from cyclonedx.validation.json import JsonStrictValidator; exit(JsonStrictValidator(SchemaVersion.V1_6).validate_str(open("/vau.cdx.json").read()))'

FROM python
COPY --from=build /opt/vau /opt/vau
COPY --from=build /vau.cdx.json /usr/share/doc/vau/sbom.cdx.json
ENV PATH=/opt/vau/bin:$PATH PYTHONUNBUFFERED=1
ARG REVISION=
LABEL org.opencontainers.image.title="vau" \
      org.opencontainers.image.description="Streaming phoneme recognition served from recurrent-network accelerators" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="$REVISION"
USER 10001
EXPOSE 50051 8080 9464
# Fails as soon as a backend that was there is not usable, or the default one is not there, and
# while the server drains.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python3", "-c", "import grpc; from grpc_health.v1 import health_pb2 as pb, health_pb2_grpc as rpc; said = rpc.HealthStub(grpc.insecure_channel('127.0.0.1:50051')).Check(pb.HealthCheckRequest(), timeout=4); exit(said.status != pb.HealthCheckResponse.SERVING)"]
# Plain text on every interface of the container: what reaches it is for whoever publishes the
# ports to decide (deploy/compose.yaml publishes them on loopback).
ENTRYPOINT ["vau", "serve"]
CMD ["--listen", "0.0.0.0:50051", "--insecure", "--metrics-listen", "0.0.0.0:9464"]
