import { Socket } from 'node:net'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { Counter, Gauge, Histogram } from 'prom-client'
import { balancePeakRoutes } from './balance-peak.ts'
import { balanceRoutes } from './balance.ts'
import { customerCareRoutes } from './customer-care.ts'
import { customerRoutes } from './customer.ts'
import { dispatcherRoutes } from './dispatcher.ts'
import { COUNTED_MAX, guard, refuseUndecided } from './guard.ts'
import { liveRoutes } from './live.ts'
import { listRoutes } from './lists.ts'
import { loadAlarmRoutes } from './load-alarms.ts'
import { loadRoutes } from './loads.ts'
import { pagesDataRoutes } from './pages-data.ts'
import { pagesRoutes } from './pages.ts'
import type { App, HttpParts } from './parts.ts'
import { takeOpenings } from './openings.ts'
import { nothingThere } from './paths.ts'
import { patrolRoutes } from './patrols.ts'
import { periodRoutes } from './periods.ts'
import { plannerRoutes } from './planner.ts'
import { interruptionMapRoutes } from './interruption-map.ts'
import { severeWeatherRoutes } from './severe-weather.ts'
import { targetRoutes } from './targets.ts'
import { planningRoutes } from './planning.ts'
import { temperatureRoutes } from './temperatures.ts'
import { predictedRoutes } from './predicted.ts'
import {
  badFields,
  OUTCOME_OPEN,
  Problem,
  ProblemAnswer,
  sendProblem,
  type ProblemPart,
} from './problem.ts'
import { openProbable, probableRoutes } from './probable.ts'
import { publicRoutes } from './public.ts'
import { refuseUnstorable } from './storable.ts'
import { rulingRoutes } from './rulings.ts'
import { alarmRoutes } from './alarms.ts'
import { stormRoutes } from './storms.ts'
import { workRoutes } from './works.ts'

export const BODY_BYTES_MAX = 65_536
/** Encoded, an identifier of 128 characters may be this long. */
const PARAM_CHARS_MAX = 128 * 9
const REQUEST_TIMEOUT_MS = 30_000
/** Who has not said by then what they want is let go: a connection costs them less than us. */
const HEADERS_TIMEOUT_MS = 10_000
const TIMEOUTS_LOOKED_AT_EVERY_MS = 2_000
/** At shutdown answers under way get this long; whoever is still sending a request then is cut off. */
const CLOSE_GRACE_MS = 3_000

/** All routes, ready to listen or to `inject`. Refuses to start with a route that the table of access does not know. */
export async function buildServer(parts: HttpParts): Promise<App> {
  const logger: FastifyBaseLogger = parts.logger
  const app: App = fastify({
    loggerInstance: logger,
    bodyLimit: BODY_BYTES_MAX,
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUTS_LOOKED_AT_EVERY_MS,
    },
    routerOptions: { maxParamLength: PARAM_CHARS_MAX },
    trustProxy: parts.settings.trustProxy ?? false,
    ajv: { customOptions: { allErrors: true } },
    // Answered before any route: a path that cannot be read.
    frameworkErrors: (error, request, reply) => {
      closeAfter(request, reply)
      void sendProblem(reply, problemOf(error))
    },
  }).withTypeProvider<TypeBoxTypeProvider>()

  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.decorateRequest('identity', null)
  // Schemas describe the answers; what a handler gives is what is sent.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  refuseUndecided(app)
  describeRefusals(app)
  // An act without particulars may come without a body.
  app.addHook('preValidation', async (request) => {
    const { schema } = request.routeOptions
    if (request.body === undefined && schema?.body !== undefined) request.body = {}
  })
  app.addHook('preHandler', refuseUnstorable)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    if (text === '') done(null, undefined)
    else void parseJson(request, text as string, done)
  })
  app.addHook('onRequest', async (request, reply) => closeAfter(request, reply))
  measure(app, parts)
  app.setErrorHandler<FastifyError | Problem>((error, request, reply) => {
    const problem = problemOf(error)
    if (problem.status >= 500) {
      request.log.error({ err: error, route: request.routeOptions.url, msg: 'request failed' })
    }
    return sendProblem(reply, problem)
  })
  const nothing = nothingThere(app)
  app.setNotFoundHandler((request, reply) => {
    const { problem, allow } = nothing(request)
    if (allow.length > 0) void reply.header('allow', allow.join(', '))
    return sendProblem(reply, problem)
  })

  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: PAGE_POLICY },
  })
  await app.register(rateLimit, { global: false, cache: COUNTED_MAX })
  app.addHook('preClose', async () => {
    // Closing waits for every request, and nobody times a half-sent one any more.
    setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS).unref()
  })
  // Before the guard, so that openings which it refuses are known for what they are, and closed.
  await takeOpenings(app, parts, CLOSE_GRACE_MS)
  guard(app, parts)
  await app.register(swagger, { openapi: DOCUMENT })
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })

  await app.register(async (scope) => {
    const routes = scope.withTypeProvider<TypeBoxTypeProvider>()
    const probable = openProbable(parts)
    await publicRoutes(routes, parts)
    await liveRoutes(routes, parts)
    await dispatcherRoutes(routes, parts)
    await stormRoutes(routes, parts)
    await rulingRoutes(routes, parts)
    await alarmRoutes(routes, parts)
    await plannerRoutes(routes, parts)
    await periodRoutes(routes, parts)
    await listRoutes(routes, parts)
    await predictedRoutes(routes, parts)
    await targetRoutes(routes, parts)
    await severeWeatherRoutes(routes, parts)
    await interruptionMapRoutes(routes, parts)
    await customerRoutes(routes, parts, probable)
    await probableRoutes(routes, probable)
    await balanceRoutes(routes, parts)
    await balancePeakRoutes(routes, parts)
    await loadRoutes(routes, parts)
    await loadAlarmRoutes(routes, parts)
    await planningRoutes(routes, parts)
    await temperatureRoutes(routes, parts)
    await workRoutes(routes, parts)
    await patrolRoutes(routes, parts)
    await customerCareRoutes(routes, parts)
    await pagesDataRoutes(routes, parts)
    await pagesRoutes(routes, parts)
  })
  return app
}

/** Whoever asked for a socket and is answered instead is let go: the server has given the connection away, and nobody else would. */
function closeAfter(request: FastifyRequest, reply: FastifyReply): void {
  const { socket, headers } = request.raw
  if (headers.upgrade === undefined || !(socket instanceof Socket)) return
  reply.raw.once('finish', () => socket.destroySoon())
}

/** Every route of the interface says what it answers, and that it may refuse. */
function describeRefusals(app: App): void {
  app.addHook('onRoute', (route) => {
    if (!route.url.startsWith('/api/') && !route.url.startsWith('/public/')) return
    const { response = {} } = (route.schema ??= {}) as { response?: Record<string, unknown> }
    if (!Object.keys(response).some((status) => status.startsWith('2'))) {
      throw new Error(`${String(route.method)} ${route.url} does not say what it answers`)
    }
    route.schema.response = {
      ...response,
      '4xx': ProblemAnswer,
      '5xx': ProblemAnswer,
    }
  })
}

const PAGE_POLICY = {
  defaultSrc: ["'self'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  objectSrc: ["'none'"],
  frameAncestors: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'self'"],
}

const DOCUMENT = {
  openapi: '3.1.0',
  info: {
    title: 'Relight',
    version: '1',
    description: 'Outages, reliability and planned work of a distribution utility.',
  },
  components: {
    securitySchemes: { token: { type: 'http' as const, scheme: 'bearer', bearerFormat: 'JWT' } },
  },
  security: [{ token: [] }],
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  const fault = error as Partial<FastifyError>
  if (fault.validation !== undefined) {
    const where = fault.validationContext ?? 'body'
    const parts = fault.validation.map(
      ({ instancePath, params, message, keyword }): ProblemPart => ({
        in: where === 'querystring' ? 'query' : where,
        at:
          keyword === 'required'
            ? `${instancePath}/${String(params['missingProperty'])}`
            : instancePath,
        says: keyword === 'required' ? 'is missing' : saysOf(message, params),
      }),
    )
    return badFields(parts)
  }
  if (fault.code === 'not-begun') {
    const says = 'nothing can be saved just now: it was not done, and will not be; try again'
    return new Problem(503, 'not-done', says)
  }
  if (fault.code === 'under-way') return new Problem(503, 'outcome-open', OUTCOME_OPEN)
  if (isDatabaseAway(fault)) {
    return new Problem(503, 'database-away', 'the database does not answer; try again in a moment')
  }
  const status = fault.statusCode ?? 500
  return status < 500
    ? new Problem(status, (fault.code ?? 'refused').toLowerCase(), fault.message ?? 'refused')
    : new Problem(500, 'our-mistake', 'something went wrong on our side')
}

function saysOf(message: string | undefined, params: Record<string, unknown>): string {
  const allowed = params['allowedValues']
  return Array.isArray(allowed)
    ? `must be one of ${allowed.join(', ')}`
    : (message ?? 'is not accepted')
}

const AWAY = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  '57P01',
  '57P02',
  '57P03',
  '53300',
])
const AWAY_WORDS = /connection terminated|timeout exceeded when trying to connect/i

const isDatabaseAway = ({ code, message }: Partial<FastifyError>): boolean =>
  AWAY.has(code ?? '') || (code ?? '').startsWith('08') || AWAY_WORDS.test(message ?? '')

function measure(app: App, { metrics }: HttpParts): void {
  const seconds = new Histogram({
    name: 'relight_http_request_seconds',
    help: 'Time to answer, by route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers: [metrics],
  })
  const refused = new Counter({
    name: 'relight_http_refused_total',
    help: 'Requests refused, by status',
    labelNames: ['status'],
    registers: [metrics],
  })
  const open: Gauge = new Gauge({
    name: 'relight_http_connections',
    help: 'Open connections, sockets among them',
    registers: [metrics],
    collect: async () => {
      open.set(await new Promise<number>((done) => app.server.getConnections((_, n) => done(n))))
    },
  })
  app.addHook('onResponse', async (request: FastifyRequest, reply) => {
    const route = request.routeOptions.url ?? 'none'
    const status = String(reply.statusCode)
    seconds.observe({ method: request.method, route, status }, reply.elapsedTime / 1000)
    if (reply.statusCode >= 400) refused.inc({ status })
  })
}
