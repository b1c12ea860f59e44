import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { build } from 'vite'

/** Debian's browser, or the one that is named. */
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
export const noBrowser = fs.existsSync(CHROMIUM)
  ? false
  : `no browser at ${CHROMIUM} (apt-get install chromium, or set CHROMIUM)`

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * The pages as their sources are now, in dist/pages. Test files run side by side: what is built already is left as it lies, and what is
 * not is built elsewhere and put there whole.
 */
export async function buildPages(): Promise<void> {
  const pages = path.join(ROOT, 'dist/pages')
  const built = path.join(pages, 'index.html')
  const sources = fs.readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  const changedAt = ['vite.config.ts', ...sources.map((file) => path.join('src', file))].map(
    (file) => fs.statSync(path.join(ROOT, file)).mtimeMs,
  )
  const builtAt = fs.existsSync(built) ? fs.statSync(built).mtimeMs : Number.NEGATIVE_INFINITY
  if (changedAt.every((at) => at < builtAt)) return
  const outDir = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'relight-pages-'))
  await build({ configFile: `${ROOT}/vite.config.ts`, logLevel: 'silent', build: { outDir } })
  // The entry last: it says that all is there. Names of parts carry a digest, so that old ones may stay beside new ones.
  fs.cpSync(outDir, pages, { recursive: true, filter: (from) => !from.endsWith('.html') })
  fs.cpSync(outDir, pages, { recursive: true })
  fs.rmSync(outDir, { recursive: true })
}

/** A browser of the test's own, gone when the test ends. */
export async function openBrowser(test: { teardown(fn: () => unknown): void }): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  test.teardown(() => browser.close())
  return browser
}

export type Visitor = {
  readonly page: Page
  /** What the browser itself complained of: refused styles, scripts that threw. */
  readonly complaints: string[]
}

/** A person with a browser window of their own, on a page; `token` as the demo prints it, in the fragment. */
export async function visit(
  browser: Browser,
  url: string,
  { token, ...options }: BrowserContextOptions & { readonly token?: string } = {},
): Promise<Visitor> {
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, ...options })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await page.goto(token === undefined ? url : `${url}#token=${token}`)
  return { page, complaints }
}

type Violation = { id: string; nodes: { target: string[]; failureSummary?: string }[] }

/** The rules of WCAG 2.2 AA that a page breaks, as far as a program can see, each with where and how. */
export async function violations(page: Page): Promise<string[]> {
  const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
  await page.evaluate(fs.readFileSync(axe, 'utf8'))
  const found = await page.evaluate<Violation[]>(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }).then((r) => r.violations)`,
  )
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary}`),
  )
}
