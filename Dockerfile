# Relight for production: PostgreSQL and the MQTT broker are reached by DATABASE_URL and MQTT_URL.
FROM node:20-bookworm-slim AS build
WORKDIR /relight
COPY package.json package-lock.json ./
# Without scripts: the packages' own build runs below, when the sources are there.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build
# The packaged PostgreSQL servers are optional packages, and not wanted here.
RUN npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:20-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080
WORKDIR /relight
COPY --from=build /relight/package.json ./
COPY --from=build /relight/node_modules ./node_modules
COPY --from=build /relight/dist ./dist
COPY --from=build /relight/sql ./sql
USER node
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/health/live').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node itself is process 1, so that SIGTERM reaches it.
ENTRYPOINT ["node", "--enable-source-maps", "dist/src/main.js"]
CMD ["serve"]
