# The server as an image. Build it with the Docker image format, in which HEALTHCHECK exists:
#
#   docker build -t vau .        or        buildah build --format docker -t vau .
#
# Both stages share one Debian, so that the environment made in the first runs in the second.

FROM debian:12-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
    ca-certificates gcc libc6-dev python3 python3-dev python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# The libraries first: they change less often than the source, and stay in the layer cache.
COPY requirements/build.txt requirements/run.txt requirements/
RUN python3 -m venv /opt/vau \
 && /opt/vau/bin/pip install -r requirements/build.txt \
 && /opt/vau/bin/pip install --no-build-isolation --use-pep517 -r requirements/run.txt
COPY . .
# A package whose C does not compile installs all the same, with numpy in its place. Not here.
RUN /opt/vau/bin/pip wheel --no-build-isolation --no-index --no-deps -w /wheels . \
 && /opt/vau/bin/pip install --no-index --no-deps /wheels/*.whl \
 && /opt/vau/bin/python -c 'import vau.search._native, vau_backends.muntaniala.kernel._native, vau_backends.rpu.kernel._native' \
 && /opt/vau/bin/pip uninstall -y setuptools pip

FROM debian:12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin vau
COPY --from=build /opt/vau /opt/vau
ENV PATH=/opt/vau/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
EXPOSE 50051 9464
# Fails as soon as a backend that was there is not usable, or the default one is not there, and
# while the server drains.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python3", "-c", "import grpc; from grpc_health.v1 import health_pb2 as pb, health_pb2_grpc as rpc; said = rpc.HealthStub(grpc.insecure_channel('127.0.0.1:50051')).Check(pb.HealthCheckRequest(), timeout=4); exit(said.status != pb.HealthCheckResponse.SERVING)"]
# Plain text on every interface of the container: what reaches it is for whoever publishes the
# ports to decide (deploy/compose.yaml publishes them on loopback).
ENTRYPOINT ["vau", "serve"]
CMD ["--listen", "0.0.0.0:50051", "--insecure", "--metrics-listen", "0.0.0.0:9464"]
