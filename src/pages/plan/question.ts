import { signal } from '@preact/signals'
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
  /** The index that the charts show. */
  readonly index: string | null
  /** What the explanation panel explains; none: closed. */
  readonly explain: boolean
  readonly view: View
  /** The work whose effect is shown. */
  readonly work: string | null
  /** The moment of the balance, RFC 3339; none: now. */
  readonly at: string | null
  /** The day (`2026-11-24`) or year (`2026`) whose highest load the balance shows instead of a moment. */
  readonly peak: string | null
  /** The feeder or substation whose load, forecast and N-1 stand above the balance. */
  readonly place: string | null
}
export const VIEWS = ['reliability', 'balance', 'works'] as const
export type View = (typeof VIEWS)[number]
export const EXCLUSIONS = ['planned', 'major', 'external', 'source_shortage'] as const
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

export const isoDay = (at: number): string => new Date(at).toISOString().slice(0, 10)

function fromAddress(): Question {
  const asked = new URLSearchParams(location.search)
  const today = isoDay(pageTime())
  const from = asked.get('from')
  const to = asked.get('to')
  return {
    from: isDay(from) ? from : `${today.slice(0, 4)}-01-01`,
    to: isDay(to) ? to : dayAfter(today, 1),
    rulebook: asked.get('rulebook') ?? 'ieee1366',
    exclude: EXCLUSIONS.filter((each) => asked.get('exclude')?.split(',').includes(each)),
    feeder: asked.get('feeder'),
    area: asked.get('area'),
    index: asked.get('index'),
    explain: asked.get('explain') !== null,
    view: VIEWS.find((each) => each === asked.get('view')) ?? 'reliability',
    work: asked.get('work'),
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

export function addressOf(wanted: Question): string {
  const says = new URLSearchParams({ from: wanted.from, to: wanted.to, rulebook: wanted.rulebook })
  if (wanted.exclude.length > 0) says.set('exclude', wanted.exclude.join(','))
  if (wanted.feeder !== null) says.set('feeder', wanted.feeder)
  if (wanted.area !== null) says.set('area', wanted.area)
  if (wanted.index !== null) says.set('index', wanted.index)
  if (wanted.explain) says.set('explain', '')
  if (wanted.view !== 'reliability') says.set('view', wanted.view)
  if (wanted.work !== null) says.set('work', wanted.work)
  if (wanted.at !== null) says.set('at', wanted.at)
  if (wanted.peak !== null) says.set('peak', wanted.peak)
  if (wanted.place !== null) says.set('place', wanted.place)
  for (const kept of ['lang', 'theme']) {
    const value = new URLSearchParams(location.search).get(kept)
    if (value !== null) says.set(kept, value)
  }
  return `/plan?${says}`
}

export function followAddress(): void {
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
    ...change,
  })
  return says.toString()
}

export function dayAfter(day: string, days: number): string {
  const at = new Date(`${day}T00:00:00Z`)
  at.setUTCDate(at.getUTCDate() + days)
  return isoDay(at.getTime())
}

/** The same day a year earlier; 29 February becomes the 28th. */
export function yearBefore(day: string): string {
  const before = `${Number(day.slice(0, 4)) - 1}${day.slice(4)}`
  return before.endsWith('-02-29') ? before.replace('29', '28') : before
}
