# docker build -t product-copy . && docker run --rm product-copy --help
# The compose file's demo runs in this stage, which has the sources and the demo's catalogue.
FROM node:20-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build

FROM node:20-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev

FROM node:20-slim
# The first process of a container does not get a signal before it has asked for it: without tini, a
# SIGTERM while the program starts would be lost.
RUN apt-get update \
 && apt-get install -y --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o node -g node /data
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY bin bin
COPY sql sql
COPY package.json LICENSE ./
# The embedded database, where no DATABASE_URL is given.
ENV NODE_ENV=production DATA_DIR=/data
USER node
ENTRYPOINT ["tini", "--", "node", "/app/bin/product-copy.js"]
CMD ["--help"]
# No HEALTHCHECK: a process that cannot go on ends, and one that waits for a database, a broker or Redis
# would not get well by being started again.
