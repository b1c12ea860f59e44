/**
 * Every page in the states that people meet it in, by day and by night, in both languages: no rule of WCAG 2.2 AA is broken that a program
 * can see. The table is held against the service itself, so that a page, a view or a list which is not in it fails the test.
 */
import fs from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import t from 'tap'
import type { Role } from '../src/stores/identity.ts'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { until } from './support/broker.ts'
import { buildPages, noBrowser, openBrowser, violations, visit } from './support/browser.ts'
import { layoutFaults } from './support/layout.ts'
import { FAULTED, FIRST, MEASURED_TOWN, measuredTown } from './support/measured-town.ts'
import type { TestService } from './support/service.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }
type Test = Pick<typeof t, 'ok' | 'same' | 'fail'>
/** What a theme colours does not depend on the words: each is seen once. */
const LOOKS = [
  ['en', 'light'],
  ['zh', 'dark'],
] as const
const PHONE = { width: 390, height: 844 }
const DESK = { width: 1366, height: 768 }
/** Pages that are looked at side by side. */
const AT_ONCE = 2
const FOLDS_MAX = 40
const WAIT_MS = 10_000
// Hundreds of looks, beside whatever else this machine does.
t.setTimeout(10 * MS_PER_MIN)

type State = {
  /** Path and query. */
  readonly at: string
  readonly is: string
  /** Who looks: nobody, a role, or a customer at these service points. */
  readonly who?: Exclude<Role, 'customer'> | 'stranger' | readonly string[]
  /** What must be there before anything is judged. */
  readonly shows: string
  /** What is opened from there, one after another. */
  readonly steps?: readonly Step[]
  /** Folds are opened, for what is behind them belongs to the page. */
  readonly unfolds?: boolean
}
type Step = {
  readonly is: string
  /** Keys pressed one after another; a text begins with `"`. */
  readonly keys: readonly string[]
  /** What they must have brought. */
  readonly brings: string
}

const iso = (fromNowMs: number) => new Date(Date.now() + fromNowMs).toISOString()
const year = new Date().getUTCFullYear()

const sameEverywhere = (at: string, shows: string): State[] => [
  { at, is: 'asks who is there', shows },
  { at, is: 'refuses a token that is none', who: 'stranger', shows: `${shows} [role=alert]` },
]

/** Nobody is out. */
const calm = (points: { lit: string; back: string }): State[] => [
  ...['/dispatch', '/plan', '/my'].flatMap((path) => sameEverywhere(path, '.sign-in')),
  { at: '/', is: 'calm', shows: 'h1' },
  {
    at: '/dispatch',
    is: 'calm',
    who: 'dispatcher',
    shows: '.agenda',
    steps: [{ is: 'keys', keys: ['?'], brings: '.help' }],
  },
  { at: '/my', is: 'on, work planned', who: [points.lit], shows: '.ans.k-on', unfolds: true },
  { at: '/my', is: 'back', who: [points.back], shows: '.ans.k-back' },
  { at: '/my', is: 'two places', who: [points.lit, points.back], shows: '.which' },
  {
    at: '/plan?from=2001-01-01&to=2002-01-01',
    is: 'a year without a record',
    who: 'planner',
    shows: '.ixs',
  },
]

/** Some are out, some probably; one estimate stands, one has passed. */
const outages = (points: { out: string; maybe: string; late: string }): State[] => [
  { at: '/', is: 'outages', shows: '.list table' },
  { at: '/my', is: 'out', who: [points.out], shows: '.ans.k-out .course', unfolds: true },
  { at: '/my', is: 'estimate passed', who: [points.late], shows: '.ans.k-out' },
  { at: '/my', is: 'probably out', who: [points.maybe], shows: '.ans.k-maybe' },
  { at: '/plan', is: 'this year', who: 'planner', shows: '.feeders', unfolds: true },
  { at: `/plan?explain`, is: 'explained', who: 'planner', shows: 'aside pre' },
  {
    at: `/plan?feeder=${FAULTED.id}`,
    is: 'one feeder',
    who: 'planner',
    shows: '.outages tbody tr',
  },
  { at: '/plan?against=dlt836', is: 'against a rulebook', who: 'planner', shows: '.difference' },
  { at: '/plan?view=balance', is: 'balance', who: 'planner', shows: '.n1 tbody tr' },
  {
    at: `/plan?view=balance&place=${FIRST.id}`,
    is: 'balance of a place',
    who: 'planner',
    shows: '.place .band',
    unfolds: true,
  },
  { at: `/plan?view=balance&peak=${year}`, is: 'peak', who: 'planner', shows: '.bal tbody tr' },
  { at: '/plan?view=works', is: 'works', who: 'planner', shows: '.cal tbody tr', unfolds: true },
  {
    at: '/plan?view=upkeep',
    is: 'upkeep',
    who: 'planner',
    shows: '.findings tbody tr',
    unfolds: true,
  },
  { at: `/plan?view=filed&month=${year - 1}-03`, is: 'filed', who: 'planner', shows: '.month' },
  {
    at: '/dispatch',
    is: 'outages',
    who: 'dispatcher',
    shows: '.agenda tbody tr',
    steps: (
      [
        ['list 2', ['2'], '.agenda'],
        ['list 3', ['3'], '.agenda'],
        ['list 4', ['4'], '.agenda'],
        ['list 5', ['5'], '.agenda'],
        ['list 6', ['6'], '.agenda tbody tr'],
        ['list 7', ['7'], '.limits tbody tr'],
        ['list 8', ['8'], '.probable'],
        ['by feeder', ['1', 'f'], '.agenda tbody tr'],
        ['one-line', ['m'], '.map canvas'],
        ['device', [']'], '.device'],
        ['estimate', ['f', 'e', '"+45'], '.act .eff'],
        ['crew', ['a', '"C3'], '.act .eff'],
        ['cause', ['u'], '.act'],
        ['note', ['n', '"Pole broken'], '.act'],
        ['close', ['c'], '.act'],
        ['merge', ['w'], '.act'],
        ['split', ['x'], '.act'],
        ['switch', ['r'], '.act .eff'],
        ['what is refused', ['n', 'Control+Enter'], '.act'],
        ['an alarm put aside', ['v'], '.act'],
        ['a storm', ['g', 's'], '.act .eff'],
        ['the past', ['g', 't', `"${year - 1}-06-01 00:01`, 'Enter'], '.line button'],
      ] as const
    ).map(([is, keys, brings]) => ({ is, keys, brings })),
  },
]

const storm = (points: { out: string }): State[] => [
  { at: '/', is: 'storm', shows: '.list table' },
  { at: '/my', is: 'storm', who: [points.out], shows: '.ans' },
  { at: '/dispatch', is: 'storm', who: 'dispatcher', shows: '.line.storm' },
]

type Folds = { readonly seen: Set<string>; readonly opened: Set<string> }

async function unfold(page: Page): Promise<void> {
  const folded = page.locator('details:not([open]) > summary:visible')
  for (let n = 0; n < FOLDS_MAX && (await folded.count()) > 0; n += 1) await folded.first().click()
}

/** What can be folded out here, and what is. */
async function noteFolds(page: Page, { seen, opened }: Folds): Promise<void> {
  const path = new URL(page.url()).pathname
  const wordsOf = async (selector: string) =>
    (await page.locator(selector).allInnerTexts()).map((text) => `${path}: ${nameless(text)}`)
  for (const name of await wordsOf('summary:visible')) seen.add(name)
  for (const name of await wordsOf('details[open] > summary:visible')) opened.add(name)
}
const nameless = (text: string) => text.replace(/\d+/g, '…')

async function turnTo(page: Page, language: (typeof LOOKS)[number][0]): Promise<void> {
  const lang = language === 'zh' ? 'zh-CN' : 'en'
  if ((await page.locator(`html[lang=${lang}]`).count()) > 0) return
  const button = page.locator(`button[lang=${lang}]`)
  if ((await button.count()) > 0) await button.first().dispatchEvent('click')
  else await page.goto(page.url().replace(/lang=\w+/, `lang=${language}`))
  await page.locator(`html[lang=${lang}]`).waitFor()
}

/** In both languages and themes; the theme is one attribute, which is all that its button sets. */
async function judge(t: Test, page: Page, says: string): Promise<void> {
  for (const [language, theme] of LOOKS) {
    await turnTo(page, language)
    await page.locator('h1, .agenda, .agenda + *, .limits').first().waitFor()
    await page.evaluate(`document.documentElement.dataset.theme = '${theme}'`)
    t.same(await violations(page), [], `${says}, ${language}, ${theme}`)
    t.same(await layoutFaults(page), [], `${says}, ${language}: everything has its place`)
  }
  await turnTo(page, LOOKS[0][0])
}

async function open(browser: Browser, service: TestService, { at, who, shows }: State) {
  const isDesk = at.startsWith('/dispatch') || at.startsWith('/plan')
  const token =
    who === undefined
      ? undefined
      : who === 'stranger'
        ? 'no token at all'
        : typeof who === 'string'
          ? await service.token(who)
          : await service.token('customer', who)
  const address = `${service.http}${at}${at.includes('?') ? '&' : '?'}lang=en`
  const seen = await visit(browser, address, {
    viewport: isDesk ? DESK : PHONE,
    ...(token === undefined ? {} : { token }),
  })
  seen.page.setDefaultTimeout(WAIT_MS)
  await seen.page.locator(shows).first().waitFor()
  return seen
}

async function look(
  t: Test,
  browser: Browser,
  service: TestService,
  state: State,
  folds: Folds,
): Promise<void> {
  const { at, is, who, steps = [], unfolds = false } = state
  const { page, complaints } = await open(browser, service, state)
  if (unfolds) await unfold(page)
  if (who !== 'stranger') await page.waitForLoadState('networkidle')
  await noteFolds(page, folds)
  await judge(t, page, `${at} ${is}`)
  for (const step of steps) {
    for (const key of step.keys) {
      if (key.length > 1 && key.startsWith('"')) await page.keyboard.type(key.slice(1))
      else await page.keyboard.press(key)
    }
    await page.locator(step.brings).first().waitFor()
    await judge(t, page, `${at} ${is}, ${step.is}`)
    await page.keyboard.press('Escape')
  }
  if (who !== 'stranger') t.same(complaints, [], `${at} ${is}: the browser complains of nothing`)
  await page.context().close()
}

async function lookAtAll(
  t: Test,
  browser: Browser,
  service: TestService,
  states: readonly State[],
  folds: Folds,
): Promise<void> {
  const waiting = [...states]
  const worker = async (): Promise<void> => {
    for (let state = waiting.shift(); state !== undefined; state = waiting.shift()) {
      const { at, is } = state
      await look(t, browser, service, state, folds).catch((error: unknown) =>
        t.fail(`${at} ${is}: ${String(error)}`),
      )
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** The pages that are served, the views of the planner and the lists of the console, as they name themselves. */
async function holdAgainst(
  t: Test,
  states: readonly State[],
  browser: Browser,
  service: TestService,
): Promise<void> {
  const files = fs.readdirSync(new URL('../src/pages', import.meta.url))
  const pages = files
    .filter((name) => name.endsWith('.html'))
    .map((name) => `/${name.replace('.html', '').replace('index', '')}`)
  t.same(
    new Set(states.map(({ at }) => at.split('?')[0])),
    new Set(pages),
    'every page is in the table, and no other',
  )

  const { page } = await visit(browser, `${service.http}/plan`, {
    token: await service.token('planner'),
  })
  const tabs = page.locator('.hd nav .tab')
  await tabs.first().waitFor()
  const views: string[] = []
  for (let n = 0; n < (await tabs.count()); n += 1) {
    await tabs.nth(n).click()
    views.push(new URL(page.url()).searchParams.get('view') ?? 'reliability')
  }
  const viewOf = ({ at }: State) => new URLSearchParams(at.split('?')[1]).get('view')
  const planned = states.filter(({ at, who }) => at.startsWith('/plan') && who === 'planner')
  t.same(
    new Set(planned.map((state) => viewOf(state) ?? 'reliability')),
    new Set(views),
    'every view of the planner is in the table',
  )
  await page.context().close()

  const desk = await visit(browser, `${service.http}/dispatch`, {
    token: await service.token('dispatcher'),
  })
  const lists = desk.page.locator('.bar2 .tab kbd')
  await lists.first().waitFor({ state: 'attached' })
  // The first list is what everything else in the table is seen over.
  const keys = (await lists.allTextContents()).filter((key) => key !== '1')
  const pressed = new Set<string>(
    states.flatMap(({ steps = [] }) => steps.flatMap(({ keys }) => keys)),
  )
  t.same(
    keys.filter((key) => !pressed.has(key)),
    [],
    'every list of the console is in the table',
  )
  await desk.page.context().close()
}

/** The pages were open when the service went away. */
async function lookWithoutService(t: Test, browser: Browser, service: TestService, point: string) {
  const states: readonly (readonly [State, string])[] = [
    [{ at: '/', is: 'lost', shows: '.list table' }, '.old'],
    [{ at: '/my', is: 'lost', who: [point], shows: '.ans' }, '.old'],
    [{ at: '/plan', is: 'lost', who: 'planner', shows: '.feeders' }, '.status:not(:empty)'],
    [{ at: '/dispatch', is: 'lost', who: 'dispatcher', shows: '.agenda tbody tr' }, '.line'],
  ]
  const seen = await Promise.all(
    states.map(async ([state, lost]) => {
      const { page } = await open(browser, service, state)
      await page.waitForLoadState('networkidle')
      return { page, state, lost }
    }),
  )
  await service.close()
  for (const { page, state, lost } of seen) {
    // The page of everyone may answer from the browser's own copy for a while: then its age says so.
    if (lost === '.old')
      await page.evaluate(`{ const now = Date.now; Date.now = () => now() + ${5 * MS_PER_MIN} }`)
    if (state.at === '/plan') await page.locator('.ask button', { hasText: 'Last year' }).click()
    await page.locator(lost).first().waitFor()
    await judge(t, page, `${state.at} ${state.is}`)
    await page.context().close()
  }
}

void t.test(
  'every page in every state breaks no rule of WCAG 2.2 AA, by day and by night, in both languages',
  skip,
  async (t) => {
    await buildPages()
    const service = await measuredTown(t, { NOTICE_HOLD_S: '0' })
    const { field } = service
    const browser = await openBrowser(t)
    const post = async (path: string, body: unknown, role: Role = 'dispatcher') => {
      const answer = await service.post(path, body, role)
      const said = (await answer.json()) as Record<string, unknown>
      t.ok(answer.ok, `${path}: ${JSON.stringify(said)}`)
      return said
    }
    type Mine = {
      servicePoints: { supply: string; since: string | null; history: { interruptions: [] } }[]
    }
    const mine = async (id: string) =>
      (await service.get<Mine>('me', 'customer', [id])).servicePoints[0]
    const points = MEASURED_TOWN.servicePoints
    /** A service point of a feeder of which that is true. */
    const pointOf = async (
      feeder: string,
      fits: (point: Mine['servicePoints'][number]) => boolean,
    ): Promise<string> => {
      for (const { id } of points.filter(({ id }) => id.includes(feeder.replace('-', '')))) {
        const point = await mine(id)
        if (point !== undefined && fits(point)) return id
      }
      throw new Error(`no such service point of ${feeder}`)
    }
    await until(async () => {
      const { outages } = await service.get<{ outages: { restoredAt: string | null }[] }>(
        'outages?state=all',
      )
      return outages.some(({ restoredAt }) => restoredAt !== null)
    }, 'the feeder is back')
    const back = await pointOf(FAULTED.id, ({ history }) => history.interruptions.length > 0)
    const lit = await pointOf(FIRST.id, ({ history }) => history.interruptions.length === 0)

    const window = { from: iso(9 * MS_PER_DAY), until: iso(9 * MS_PER_DAY + 4 * MS_PER_H) }
    const work = {
      title: 'Replace line',
      reason: 'maintenance',
      responsible: 'M. Chen',
      crew: 'C8',
      steps: [{ switch: FIRST.head, position: 'open' }],
      window,
    }
    const approved = await post('works', work, 'planner')
    await post(`works/${String(approved['id'])}/submit`, {}, 'planner')
    await post(`works/${String(approved['id'])}/approve`, {}, 'admin')
    const draft = await post('works', { ...work, title: 'Trim trees' }, 'planner')
    await post(
      'findings',
      {
        asset: FIRST.head,
        severity: 'critical',
        says: 'Cracked insulator',
        owner: 'M. Chen',
        dueOn: iso(30 * MS_PER_DAY).slice(0, 10),
      },
      'planner',
    )
    const told = await fetch(`${service.http}/api/v1/me/preferences`, {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${await service.token('customer', [lit])}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ channels: [{ channel: 'email', address: 'lin@example.org' }] }),
    })
    t.ok(told.ok, `preferences: ${told.status}`)

    const first = calm({ lit, back })
    const folds: Folds = { seen: new Set(), opened: new Set() }
    await lookAtAll(t, browser, service, first, folds)

    // One feeder is out with an estimate, a part of another with one that has passed; meters of a third place say that they are dark.
    await field.switch(FAULTED.head, 'open', Date.now() - 20 * MS_PER_MIN, { reason: 'lockout' })
    const fuse = MEASURED_TOWN.switches.find(({ kind }) => kind === 'fuse')?.id ?? ''
    await field.switch(fuse, 'open', Date.now() - 40 * MS_PER_MIN, { reason: 'trip' })
    type Told = { id: string; device: string | null }
    const active = async () =>
      (await service.get<{ outages: Told[] }>('outages?state=active')).outages
    await until(async () => (await active()).length === 2, 'two outages')
    for (const { id, device } of await active()) {
      const at = device === fuse ? iso(1500) : iso(MS_PER_H)
      const range =
        device === fuse ? {} : { earliest: iso(0.75 * MS_PER_H), latest: iso(1.5 * MS_PER_H) }
      await post(`outages/${id}/etr`, { at, ...range, source: 'crew' })
      await post(`outages/${id}/crew`, { name: 'C3', state: 'onSite' })
      await post(`outages/${id}/cause`, { cause: 'tree' })
    }
    const isOff = ({ supply }: { supply: string }) => supply === 'off'
    const [out, late] = [await pointOf(FAULTED.id, isOff), await pointOf(FIRST.id, isOff)]
    let maybe = ''
    for (const one of points) {
      const group = points.filter(({ node }) => node === one.node)
      if (group.length < 2 || (await mine(one.id))?.supply !== 'on') continue
      maybe = one.id
      for (const [seq, { id }] of group.entries()) {
        await field.publish('meter', id, { at: iso(-2 * MS_PER_MIN), seq, event: 'lastGasp' })
      }
      break
    }
    await until(
      async () => (await service.get<{ probable: [] }>('probable')).probable.length > 0,
      'a probable outage',
    )
    const second = [
      ...outages({ out, maybe, late }),
      ...[approved, draft].map(({ id }): State => ({
        at: `/plan?view=works&work=${String(id)}`,
        is: 'a work',
        who: 'planner',
        shows: '.gate .checks',
        unfolds: true,
      })),
    ]
    await lookAtAll(t, browser, service, second, folds)
    await holdAgainst(t, [...first, ...second], browser, service)
    t.same(
      [...folds.seen].filter((fold) => !folds.opened.has(fold)),
      [],
      'everything that can be folded out was',
    )
    t.ok(folds.opened.size > 10, `${folds.opened.size} folds`)

    await post('storms/declare', { area: null, reason: 'gale' })
    await lookAtAll(t, browser, service, storm({ out }), folds)
    await lookWithoutService(t, browser, service, out)
  },
)
