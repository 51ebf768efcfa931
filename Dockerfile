# docker build --tag recheck --build-arg TORCH_INDEX=<index of torch's CPU or CUDA build> .
# In a clone, whose code is run and whose folder results is written:
# docker run --rm --volume "$PWD:$PWD" --workdir "$PWD" --env PYTHONPATH="$PWD:$PWD/workflow/src" recheck snakemake --cores 2
# The tag moves with Debian's point releases. To pin it, write debian:12-slim@sha256:<digest> with the digest that
# `docker buildx imagetools inspect debian:12-slim` prints; dependabot then raises it.
# Not built yet where it was written: tools/install_in_image.sh was run in a bare Debian 12 folder.
FROM debian:12-slim
ARG TORCH_INDEX=""
ENV TORCH_INDEX=${TORCH_INDEX}
COPY . /opt/recheck
WORKDIR /opt/recheck
RUN tools/install_in_image.sh
ENV PATH=/opt/recheck/.venv/bin:$PATH
CMD ["recheck", "--help"]
