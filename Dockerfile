# eco_jax on NVIDIA GPUs. The host needs its driver and the NVIDIA container toolkit; CUDA comes with jax.
#
#     docker build -t eco-jax .
#     docker run --gpus all -v "$PWD/runs:/work/runs" eco-jax train --out runs/twin
FROM nvidia/cuda:12.9.1-base-ubuntu24.04

# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install -y --no-install-recommends python3 python3-venv && \
    rm -rf /var/lib/apt/lists/* && \
    python3 -m venv /opt/eco_jax

ENV PATH=/opt/eco_jax/bin:$PATH \
    ECO_JAX_CACHE=/tmp/eco_jax

COPY . /opt/source
RUN pip install --no-cache-dir "/opt/source[cuda12]"

WORKDIR /work
ENTRYPOINT ["eco-jax"]
CMD ["info"]
