import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import { plainAnswer, plainOutages } from './plain.ts'
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

  for (const [path, name] of Object.entries(PAGES)) {
    const built = folder === undefined ? undefined : readPage(folder, name)
    app.get(path, async (request, reply) => {
      if (built === undefined) {
        throw new Problem(503, 'not-built', 'the pages are not built yet: npm run build')
      }
      const language = languageOf(request.query, request.headers['accept-language'])
      const { timeZone } = parts.settings
      const plain =
        name === 'index'
          ? await plainOutages(app, language, timeZone)
          : name === 'my'
            ? plainAnswer(language)
            : ''
      return reply
        .type('text/html; charset=utf-8')
        .header('cache-control', 'no-cache')
        .header('vary', 'accept-language')
        .send(
          built
            .replace('lang="en"', `lang="${language}"`)
            .replace(ATTRIBUTES_MARK, `data-time-zone="${timeZone}"`)
            .replace(PLAIN_MARK, () => plain),
        )
    })
  }
}

function readPage(folder: URL, name: string): string | undefined {
  try {
    return readFileSync(new URL(`${name}.html`, folder), 'utf8')
  } catch {
    return undefined
  }
}

/** The language asked for in the address, or else by the browser. */
function languageOf(query: unknown, accepted: string | undefined): 'en' | 'zh-CN' {
  const asked = (query as { lang?: unknown }).lang
  const wish = typeof asked === 'string' ? asked : (accepted ?? '')
  return wish.trim().toLowerCase().startsWith('zh') ? 'zh-CN' : 'en'
}
