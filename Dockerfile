# The simulator as a container: docker build -t titans-mini . && docker run --rm -p 8501:8501 titans-mini
# DEPLOY.md says how to run several of them behind one address.
FROM python:3.11-slim

# The CPU build of torch is a tenth the size of PyPI's CUDA build.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1

WORKDIR /srv/titans_mini
COPY pyproject.toml setup.py constraints.txt README.md LICENSE ./
COPY titans_mini titans_mini
COPY titans_course titans_course
COPY app app
COPY .streamlit .streamlit
RUN pip install -c constraints.txt --no-deps --index-url "$TORCH_INDEX" torch \
    && pip install -c constraints.txt -e '.[app]' \
    && useradd --create-home --uid 1000 reader
USER reader
# The token loop is compiled once, not at the first visit.
RUN python -c 'from titans_mini.memory.fast.rows import compiled; compiled(wait=None)'

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://localhost:8501/_stcore/health', timeout=4)"]
# In the container the app answers on all addresses; `docker run -p` decides who can reach it.
CMD ["titans-mini", "app", "--no-browser", "--port", "8501", "--address", "0.0.0.0"]
