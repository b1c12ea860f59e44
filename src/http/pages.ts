import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyRequest } from 'fastify'
import type { Language } from '../notices/words.ts'
import { MS_PER_S } from '../time.ts'
import { isOwnOrigin } from './live.ts'
import { NO_PHONES, type Phones } from '../notices/safety.ts'
import { plainMe, plainSignIn, type PlainMe } from './plain-me.ts'
import { plainOutages } from './plain.ts'
import type { App, HttpParts } from './parts.ts'
import { Problem } from './problem.ts'

/** Built pages lie beside the compiled sources; run from the sources, in `dist` all the same. */
const FOLDERS = ['../../pages/', '../../dist/pages/'].map((path) => new URL(path, import.meta.url))
const PAGES = { '/': 'index', '/dispatch': 'dispatch', '/plan': 'plan', '/my': 'my' } as const
const ROOT_FILES = { 'favicon.svg': 'image/svg+xml', 'sw.js': 'text/javascript; charset=utf-8' }
/** Where the built page takes what the server writes into it. */
const PLAIN_MARK = '<!--plain-->'
const ATTRIBUTES_MARK = 'data-served'

/** The pages and their files. A page holds no data but the public list, so that it says something before and without any script. */
export async function pagesRoutes(app: App, parts: HttpParts): Promise<void> {
  const folder = FOLDERS.find((each) => readPage(each, 'index') !== undefined)
  if (folder !== undefined) {
    await app.register(fastifyStatic, {
      root: fileURLToPath(new URL('assets/', folder)),
      prefix: '/assets/',
      // The name of a file says what is in it: it never changes.
      immutable: true,
      maxAge: '1y',
      preCompressed: true,
      decorateReply: false,
      index: false,
    })
    for (const [name, type] of Object.entries(ROOT_FILES)) {
      const bytes = readFileSync(new URL(name, folder))
      app.get(`/${name}`, async (_, reply) =>
        reply.type(type).header('cache-control', 'no-cache').send(bytes),
      )
    }
  }

  await app.register(async (scope) => signInRoutes(scope as App, parts))

  for (const [path, name] of Object.entries(PAGES)) {
    const built = folder === undefined ? undefined : readPage(folder, name)
    app.get(path, async (request, reply) => {
      if (built === undefined) {
        throw new Problem(503, 'not-built', 'the pages are not built yet: npm run build')
      }
      const language = languageOf(request.query, request.headers['accept-language'])
      const { timeZone, phones = NO_PHONES } = parts.settings
      const mine =
        name === 'my' ? await plainMine(app, request, { language, timeZone, phones }) : undefined
      const plain =
        name === 'index' ? await plainOutages(app, language, timeZone, phones) : mine?.html
      return (
        reply
          .type('text/html; charset=utf-8')
          // What is somebody's own is kept nowhere, neither by the browser nor by our own service worker.
          .header('cache-control', mine?.isPersonal === true ? 'private, no-store' : 'no-cache')
          .header('vary', 'accept-language')
          .send(
            built
              .replace('lang="en"', `lang="${language}"`)
              .replace(ATTRIBUTES_MARK, attributesOf(timeZone, phones))
              .replace(PLAIN_MARK, () => plain ?? ''),
          )
      )
    })
  }
}

/**
 * For browsers that run no scripts: the token of a customer in a cookie that scripts cannot read, that no other site can send, and that
 * is good for one thing: reading one's own answer as a list below /my. Acts and the interface never look at it.
 */
const COOKIE = 'relight_my'
const FORM_BYTES_MAX = 16_384
const SIGN_INS_PER_MIN = 30

async function signInRoutes(app: App, { auth, settings, clock }: HttpParts): Promise<void> {
  const limit = app.createRateLimit({
    max: SIGN_INS_PER_MIN,
    timeWindow: '1 minute',
    keyGenerator: (request) => `sign-in:${request.ip}`,
  })
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: FORM_BYTES_MAX },
    (_request, body, done) => done(null, new URLSearchParams(body.toString())),
  )
  const back = (request: FastifyRequest, refused: boolean) =>
    `/my?lang=${languageOf(request.query, undefined)}${refused ? '&refused' : ''}`
  const cookie = (request: FastifyRequest, value: string, ageS: number) =>
    `${COOKIE}=${value}; Path=/my; HttpOnly; SameSite=Strict; Max-Age=${ageS}` +
    (request.protocol === 'https' ? '; Secure' : '')

  app.post('/my/sign-in', { schema: { hide: true } }, async (request, reply) => {
    if (!isOwnOrigin(request, settings.allowedOrigins)) {
      throw new Problem(403, 'foreign-origin', 'pages of this origin may not sign in here')
    }
    const counted = await limit(request)
    if (!counted.isAllowed && counted.isExceeded) {
      throw new Problem(429, 'too-many-requests', 'try again in a minute')
    }
    const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams()
    const token = (form.get('token') ?? '').trim().replace(/^.*#token=/, '')
    const verified = TOKEN.test(token) ? await auth.verify(token) : undefined
    const ageMs = verified?.ok === true ? verified.identity.expiresAt - clock() : 0
    if (verified?.ok !== true || verified.identity.role !== 'customer' || ageMs <= 0) {
      return reply.redirect(back(request, true), 303)
    }
    return reply
      .header('set-cookie', cookie(request, token, Math.floor(ageMs / MS_PER_S)))
      .redirect(back(request, false), 303)
  })
  app.post('/my/sign-out', { schema: { hide: true } }, async (request, reply) =>
    reply.header('set-cookie', cookie(request, '', 0)).redirect(back(request, false), 303),
  )
}

const TOKEN = /^[\w.~+/=-]{1,8000}$/

/** My answer as a list, or the form that asks for a token. */
async function plainMine(
  app: App,
  request: FastifyRequest,
  { language, timeZone, phones }: { language: Language; timeZone: string; phones: Phones },
): Promise<{ html: string; isPersonal: boolean }> {
  const token = new RegExp(`(?:^|; )${COOKIE}=([^;]+)`).exec(request.headers.cookie ?? '')?.[1]
  if (token === undefined || !TOKEN.test(token)) {
    const isRefused = Object.hasOwn(request.query as object, 'refused')
    return { html: plainSignIn(language, isRefused, phones), isPersonal: false }
  }
  const answer = await app.inject({
    url: '/api/v1/me',
    headers: { authorization: `Bearer ${token}` },
    remoteAddress: request.ip,
  })
  if (answer.statusCode !== 200)
    return { html: plainSignIn(language, true, phones), isPersonal: false }
  return { html: plainMe(answer.json<PlainMe>(), { language, timeZone, phones }), isPersonal: true }
}

function readPage(folder: URL, name: string): string | undefined {
  try {
    return readFileSync(new URL(`${name}.html`, folder), 'utf8')
  } catch {
    return undefined
  }
}

/** What the service writes into a page for its scripts; telephone numbers have no sign that would have to be escaped. */
function attributesOf(timeZone: string, { utility, emergency }: Phones): string {
  return [
    `data-time-zone="${timeZone}"`,
    ...(utility === null ? [] : [`data-phone="${utility}"`]),
    ...(emergency === null ? [] : [`data-emergency-phone="${emergency}"`]),
  ].join(' ')
}

/** The language asked for in the address, or else by the browser. */
function languageOf(query: unknown, accepted: string | undefined): 'en' | 'zh-CN' {
  const asked = (query as { lang?: unknown }).lang
  const wish = typeof asked === 'string' ? asked : (accepted ?? '')
  return wish.trim().toLowerCase().startsWith('zh') ? 'zh-CN' : 'en'
}
