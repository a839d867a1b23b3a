# docker build -t scalescope .
# docker run --rm -p 127.0.0.1:8501:8501 -v scalescope:/data scalescope         the app, on http://127.0.0.1:8501
# docker run --rm -v scalescope:/data scalescope sweep digits-double-descent    any command of `scalescope`
FROM python:3.12-slim

# Without a C++ compiler Scalescope works too, but trains slower.
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

# PyTorch without CUDA, a fifth of the size; with it: docker build --build-arg PIP_EXTRA_INDEX_URL= …
ARG PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
COPY . /source
RUN cd /source && pip install --no-cache-dir .

RUN useradd --create-home scalescope && install -d -o scalescope /data
USER scalescope
WORKDIR /home/scalescope
ENV SCALESCOPE_HOME=/data
VOLUME /data

EXPOSE 8501
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=5)"]
STOPSIGNAL SIGINT
ENTRYPOINT ["scalescope"]
# The container's own network, of which -p above lets this machine alone in.
CMD ["--server.address", "0.0.0.0"]
