import { signal } from '@preact/signals'
import { localDay } from '../language.ts'
import { pageTime } from '../page-clock.ts'

/** What the page asks: everything that its address says, so that every view can be sent to a colleague. */
export type Question = {
  /** Local days; `to` is exclusive. */
  readonly from: string
  readonly to: string
  readonly rulebook: string
  readonly exclude: readonly Exclusion[]
  /** The place looked at alone; none: the whole system. */
  readonly feeder: string | null
  readonly area: string | null
  readonly substation: string | null
  /** The index that the charts show. */
  readonly index: string | null
  /** What the explanation panel explains; none: closed. */
  readonly explain: boolean
  /** The outage that the panel takes apart; none: the largest. */
  readonly outage: string | null
  /** The tables that are folded out, by name. */
  readonly open: readonly string[]
  readonly view: View
  /** The day with which the list of works begins; none: a week ago. */
  readonly since: string | null
  /** The work whose effect is shown. */
  readonly work: string | null
  /** The month whose filed figures are shown, `2026-10`. */
  readonly month: string | null
  /** The rulebook that the figures are held against. */
  readonly against: string | null
  /** Equipment that a prediction does without. */
  readonly without: readonly string[]
  /** The moment of the balance, RFC 3339; none: now. */
  readonly at: string | null
  /** The day (`2026-11-24`) or year (`2026`) whose highest load the balance shows instead of a moment. */
  readonly peak: string | null
  /** The feeder or substation whose load, forecast and N-1 stand above the balance. */
  readonly place: string | null
}
export const VIEWS = ['reliability', 'balance', 'works', 'upkeep', 'filed'] as const
export type View = (typeof VIEWS)[number]
export const EXCLUSIONS = ['planned', 'major', 'external', 'source_shortage', 'customer'] as const
export type Exclusion = (typeof EXCLUSIONS)[number]

/** The rulebooks of the service, under the names that they go by. */
export const RULEBOOKS: readonly (readonly [id: string, name: string])[] = [
  ['ieee1366', 'IEEE 1366'],
  ['dlt836', 'DL/T 836'],
  ['ceer', 'CEER'],
  ['ofgem', 'Ofgem'],
  ['spain', 'España'],
]

const isDay = (text: string | null): text is string => /^\d{4}-\d\d-\d\d$/.test(text ?? '')
const listOf = (text: string | null): string[] => text?.split(',').filter((each) => each) ?? []

/** Today in the utility's calendar. */
export const today = (): string => localDay(pageTime())

function fromAddress(): Question {
  const asked = new URLSearchParams(location.search)
  const from = asked.get('from')
  const to = asked.get('to')
  return {
    from: isDay(from) ? from : `${today().slice(0, 4)}-01-01`,
    to: isDay(to) ? to : dayAfter(today(), 1),
    rulebook: asked.get('rulebook') ?? 'ieee1366',
    exclude: EXCLUSIONS.filter((each) => listOf(asked.get('exclude')).includes(each)),
    feeder: asked.get('feeder'),
    area: asked.get('area'),
    substation: asked.get('substation'),
    index: asked.get('index'),
    explain: asked.get('explain') !== null,
    outage: asked.get('outage'),
    open: listOf(asked.get('open')),
    view: VIEWS.find((each) => each === asked.get('view')) ?? 'reliability',
    since: isDay(asked.get('since')) ? asked.get('since') : null,
    work: asked.get('work'),
    month: /^\d{4}-\d\d$/.test(asked.get('month') ?? '') ? asked.get('month') : null,
    against: asked.get('against'),
    without: listOf(asked.get('without')),
    at: asked.get('at'),
    peak: /^\d{4}(-\d\d-\d\d)?$/.test(asked.get('peak') ?? '') ? asked.get('peak') : null,
    place: asked.get('place'),
  }
}

export const question = signal<Question>(fromAddress())

/** Goes to another view; the way back leads here. */
export function ask(change: Partial<Question>): void {
  question.value = { ...question.value, ...change }
  history.pushState(null, '', addressOf(question.value))
}

/** Shows the same view a little differently: its address says so, and the way back leads past it. */
export function amend(change: Partial<Question>): void {
  question.value = { ...question.value, ...change }
  history.replaceState(null, '', addressOf(question.value))
}

export function addressOf(wanted: Question): string {
  const says = new URLSearchParams({ from: wanted.from, to: wanted.to, rulebook: wanted.rulebook })
  if (wanted.exclude.length > 0) says.set('exclude', wanted.exclude.join(','))
  if (wanted.feeder !== null) says.set('feeder', wanted.feeder)
  if (wanted.area !== null) says.set('area', wanted.area)
  if (wanted.substation !== null) says.set('substation', wanted.substation)
  if (wanted.index !== null) says.set('index', wanted.index)
  if (wanted.explain) says.set('explain', '')
  if (wanted.explain && wanted.outage !== null) says.set('outage', wanted.outage)
  if (wanted.open.length > 0) says.set('open', wanted.open.join(','))
  if (wanted.view !== 'reliability') says.set('view', wanted.view)
  if (wanted.since !== null) says.set('since', wanted.since)
  if (wanted.work !== null) says.set('work', wanted.work)
  if (wanted.month !== null) says.set('month', wanted.month)
  if (wanted.against !== null) says.set('against', wanted.against)
  if (wanted.without.length > 0) says.set('without', wanted.without.join(','))
  if (wanted.at !== null) says.set('at', wanted.at)
  if (wanted.peak !== null) says.set('peak', wanted.peak)
  if (wanted.place !== null) says.set('place', wanted.place)
  for (const kept of ['lang', 'theme']) {
    const value = new URLSearchParams(location.search).get(kept)
    if (value !== null) says.set(kept, value)
  }
  return `/plan?${says}`
}

/** An address without a period gets the one that it means, so that it says the same tomorrow. */
export function followAddress(): void {
  amend({})
  addEventListener('popstate', () => (question.value = fromAddress()))
}

/** The query of `GET /api/v1/indices` for this question. */
export function queryOf(wanted: Question, change: Record<string, string> = {}): string {
  const says = new URLSearchParams({
    from: wanted.from,
    to: wanted.to,
    rulebook: wanted.rulebook,
    ...(wanted.exclude.length > 0 ? { exclude: wanted.exclude.join(',') } : {}),
    ...(wanted.feeder === null ? {} : { feeder: wanted.feeder }),
    ...(wanted.area === null ? {} : { area: wanted.area }),
    ...(wanted.substation === null ? {} : { substation: wanted.substation }),
    ...change,
  })
  return says.toString()
}

export function dayAfter(day: string, days: number): string {
  const at = new Date(`${day}T00:00:00Z`)
  at.setUTCDate(at.getUTCDate() + days)
  return at.toISOString().slice(0, 10)
}

/** The same day a year earlier; 29 February becomes the 28th. */
export function yearBefore(day: string): string {
  const before = `${Number(day.slice(0, 4)) - 1}${day.slice(4)}`
  return before.endsWith('-02-29') ? before.replace('29', '28') : before
}
