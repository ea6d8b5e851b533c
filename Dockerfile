# The hub image of zero-to-jupyterhub with this package in it; helm-values/base.yaml names the result as hub.image.
#
#   docker build --tag ghcr.io/example/knada-hub:0.1.0 .

# The chart's version, which is also its images' tag. Move it together with `helm upgrade --version`.
ARG Z2JH_VERSION=4.4.0

FROM quay.io/jupyterhub/k8s-hub:${Z2JH_VERSION} AS hub

FROM hub AS wheel
USER root
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY jupyterhub_knada ./jupyterhub_knada
RUN python3 -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM hub
USER root
# Nothing that the chart has tested together is moved, but for the idle culler: the image holds 1.x, and the hook
# that gives each team its own timeout came with 2.0.
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    python3 -m pip list --format=freeze --exclude jupyterhub-idle-culler > /tmp/pins.txt \
    && python3 -m pip install --no-cache-dir --constraint /tmp/pins.txt "$(echo /wheels/*.whl)[culler]" \
    && python3 -m pip check \
    && rm /tmp/pins.txt
# By number, so that Kubernetes can hold `runAsNonRoot` against it.
USER 1000
