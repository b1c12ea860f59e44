import { batch, computed, effect, signal, untracked } from '@preact/signals'
import { MS_PER_DAY, type EpochMs } from '../../time.ts'
import { read, type Problem } from '../api.ts'
import { followLive, type LiveNotice } from '../live.ts'
import { now, pageTime } from '../page-clock.ts'
import {
  feederSubstation,
  leavePast,
  networkState,
  presentState,
  readNetwork,
  readNetworkState,
  readPastState,
} from './network.ts'
import {
  asOf,
  estimatePassed,
  isOut,
  NO_PRIORITIES,
  worstFirst,
  type Outage,
  type Priorities,
} from './outages.ts'

/** What a page of the list may hold, and how many pages are read: 20,000 outages at once are beyond any agenda. */
const PAGES_MAX = 100
/** Outages that one question names at most, as the service allows. */
const NAMED_MAX = 100
/** More outages than this changed at once: the whole list is read again. */
const CHANGED_MAX = 1_000
/** Changes that come within this time are read together; with many outages a little longer, still well within a second. */
const GATHER_MS = 120
const GATHER_MANY_MS = 400
const MANY = 500

export const LISTS = ['active', 'noCrew', 'passed', 'priority', 'planned', 'restored'] as const
/** Lists of outages, one of what stands over a limit, and one of what is only probable. */
export type Lists = (typeof LISTS)[number] | 'limits' | 'probable'

/** Everything not yet closed, by id. */
export const outages = signal<ReadonlyMap<string, Outage>>(new Map())
export const readAt = signal<EpochMs | null>(null)
export const readProblem = signal<Problem | null>(null)
export const list = signal<Lists>('active')
export const zone = signal<string>('')
export const search = signal('')
export const grouped = signal(false)
/** Null: now. Otherwise the page shows the record as it stood then, and no act is possible. */
export const past = signal<EpochMs | null>(null)
export const pastOutages = signal<ReadonlyMap<string, Outage>>(new Map())

/** The pointer is over the agenda: rows keep their places. */
export const held = signal(false)
const sortNow = signal(0)
export const resort = () => (sortNow.value += 1)

export const priorities = computed<ReadonlyMap<string, Priorities>>(() => {
  const found = new Map<string, Priorities>()
  for (const part of networkState.value?.parts ?? []) {
    if (part.outage !== null && !part.back) found.set(part.outage, part)
  }
  return found
})

const shown = computed(() => (past.value === null ? outages.value : pastOutages.value))
export const isInZone = (outage: Outage): boolean =>
  zone.value === '' || (outage.substation ?? substationOf(outage)) === zone.value
const inZone = computed(() => [...shown.value.values()].filter(isInZone))
/** Whoever is out, in whichever zone. */
export const outAnywhere = computed(() => [...shown.value.values()].filter(isOut))
const substationOf = (outage: Outage) =>
  outage.feeder === null ? null : (feederSubstation(outage.feeder)?.id ?? null)

export const out = computed(() => inZone.value.filter(isOut))
const summed = (some: readonly Outage[]) => ({
  customers: some.reduce((sum, outage) => sum + outage.customersOut, 0),
  outages: some.length,
})
export const unplanned = computed(() => summed(out.value.filter((o) => o.kind === 'unplanned')))
export const planned = computed(() => summed(out.value.filter((o) => o.kind === 'planned')))
export const lifeSupportOut = computed(() => countPriority('lifeSupport'))
export const criticalOut = computed(() => countPriority('critical'))
const countPriority = (kind: keyof Priorities) =>
  out.value.reduce((sum, { id }) => sum + (priorities.value.get(id)?.[kind] ?? 0), 0)

const inList: Record<Lists, (outage: Outage) => boolean> = {
  active: (outage) => isOut(outage),
  noCrew: (outage) => isOut(outage) && outage.kind === 'unplanned' && outage.crew === null,
  passed: (outage) => estimatePassed(outage, past.value ?? now.value),
  priority: (outage) => {
    const urgent = priorities.value.get(outage.id) ?? NO_PRIORITIES
    return isOut(outage) && urgent.lifeSupport + urgent.critical > 0
  },
  planned: (outage) => isOut(outage) && outage.kind === 'planned',
  restored: (outage) => !isOut(outage),
  limits: () => false,
  probable: () => false,
}
export const listed = (name: Lists) => inZone.value.filter(inList[name])

const matches = computed(() => {
  const asked = search.value.trim().toLowerCase()
  const rows = listed(list.value)
  if (asked === '') return rows
  return rows.filter((outage) =>
    [outage.id, outage.device, outage.feeder, outage.substation, outage.cause, outage.crew?.name]
      .filter((text) => text !== null && text !== undefined)
      .some((text) => text.toLowerCase().includes(asked)),
  )
})

/** The rows on the screen. While the pointer rests on them none jumps: what is new comes last until it leaves. */
export const rows = signal<readonly Outage[]>([])
let lastSort = 0
effect(() => {
  const found = matches.value
  const byId = new Map(found.map((outage) => [outage.id, outage]))
  const sort = sortNow.value
  if (held.value && sort === lastSort) {
    const kept = untracked(() => rows.value).flatMap(({ id }) => byId.get(id) ?? [])
    const known = new Set(kept.map(({ id }) => id))
    rows.value = [...kept, ...found.filter(({ id }) => !known.has(id))]
    return
  }
  lastSort = sort
  const weight = priorities.value
  rows.value = [...found].sort((a, b) => worstFirst(a, b, weight))
})

/** A line of the agenda: an outage, or the head of a feeder when they are grouped. */
export type AgendaLine =
  | { readonly kind: 'outage'; readonly outage: Outage }
  | {
      readonly kind: 'feeder'
      readonly feeder: string | null
      readonly outages: number
      readonly customers: number
      readonly noCrew: number
    }

export const agendaLines = computed<readonly AgendaLine[]>(() => {
  const shownRows = rows.value
  if (!grouped.value) return shownRows.map((outage) => ({ kind: 'outage', outage }))
  const byFeeder = new Map<string | null, Outage[]>()
  for (const outage of shownRows) {
    const inside = byFeeder.get(outage.feeder)
    if (inside === undefined) byFeeder.set(outage.feeder, [outage])
    else inside.push(outage)
  }
  // Rows are in the order of the worst, so feeders come in the order of their worst.
  return [...byFeeder].flatMap(([feeder, inside]): AgendaLine[] => [
    {
      kind: 'feeder',
      feeder,
      outages: inside.length,
      customers: summed(inside).customers,
      noCrew: inside.filter((outage) => isOut(outage) && outage.crew === null).length,
    },
    ...inside.map((outage) => ({ kind: 'outage' as const, outage })),
  ])
})

/** The outages in the order in which they stand on the screen. */
export const inOrder = computed(() =>
  agendaLines.value.flatMap((line) => (line.kind === 'outage' ? [line.outage] : [])),
)

export function outageNamed(id: string | null): Outage | null {
  return id === null ? null : (shown.value.get(id) ?? null)
}

type Page = { readonly outages: readonly Outage[]; readonly nextCursor: string | null }

async function readList(query: string): Promise<Outage[] | Problem> {
  const all: Outage[] = []
  let cursor: string | null = null
  for (let page = 0; page < PAGES_MAX; page++) {
    const more: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const answer = await read<Page>(`/api/v1/outages?${query}${more}`)
    if (!answer.ok) return answer.problem
    all.push(...answer.value.outages)
    cursor = answer.value.nextCursor
    if (cursor === null) break
  }
  return all
}

/** Questions are numbered: of two about one outage the answer to the later one counts, whichever arrives first. */
let questions = 0
const askedOf = new Map<string, number>()

let readingAll = false
let readAgain = false
/** Reads everything that is not closed, and where the network stands. */
export async function readBoard(): Promise<void> {
  if (readingAll) {
    readAgain = true
    return
  }
  readingAll = true
  const mine = ++questions
  const since = new Date(pageTime() - MS_PER_DAY).toISOString()
  const [active, restored] = await Promise.all([
    readList('state=active&limit=500'),
    readList(`state=restored&limit=500&from=${encodeURIComponent(since)}`),
    readNetworkState(),
  ])
  readingAll = false
  if (!Array.isArray(active)) readProblem.value = active
  else if (!Array.isArray(restored)) readProblem.value = restored
  else {
    readProblem.value = null
    const next = new Map([...active, ...restored].map((outage) => [outage.id, outage]))
    for (const [id, question] of askedOf) {
      if (question < mine) {
        askedOf.delete(id)
        continue
      }
      // It was asked about by itself after the list was: the board knows better, or will in a moment.
      const known = outages.peek().get(id)
      if (known === undefined) next.delete(id)
      else next.set(id, known)
    }
    outages.value = next
    readAt.value = pageTime()
  }
  if (readAgain) {
    readAgain = false
    await readBoard()
  }
}

/** Reads some outages again and takes them into the board, all at once. */
async function readSome(ids: readonly string[]): Promise<void> {
  const chunks = Array.from({ length: Math.ceil(ids.length / NAMED_MAX) }, (_, i) =>
    ids.slice(i * NAMED_MAX, (i + 1) * NAMED_MAX),
  )
  const mine = ++questions
  for (const id of ids) askedOf.set(id, mine)
  const answers = await Promise.all(
    chunks.map((some) => read<Page>(`/api/v1/outages?${some.map(named).join('&')}`)),
  )
  const next = new Map(outages.peek())
  answers.forEach((answer, i) => {
    if (!answer.ok) return
    const found = new Map(answer.value.outages.map((outage) => [outage.id, outage]))
    for (const id of chunks[i] ?? []) {
      if (askedOf.get(id) !== mine) continue
      if (!readingAll) askedOf.delete(id)
      const outage = found.get(id)
      if (outage === undefined || outage.status === 'closed') next.delete(id)
      else next.set(id, outage)
    }
  })
  outages.value = next
  readAt.value = pageTime()
}
const named = (id: string) => `id=${encodeURIComponent(id)}`

/** Reads one outage again, and takes it into the board. */
export const readOutage = (id: string): Promise<void> => readSome([id])

const changed = new Set<string>()
/** Something was said of a whole area: any outage may have another estimate. */
let allChanged = false
const FIELD_ASKED_EVERY_MS = 10_000

let gathering: ReturnType<typeof setTimeout> | undefined
/** The outage whose detail is open, as the desk says. */
let selectedId: () => string | null = () => null
export const detailIs = (which: () => string | null) => (selectedId = which)
/** Counts up when something was heard about the outage whose detail is open: it reads itself again. */
export const heard = signal<{ readonly id: string; readonly times: number }>({ id: '', times: 0 })

/** A state of the network so little younger than a notice may not have what it tells: it is asked for again. */
const SURE_AFTER_MS = 250
let toldAt: EpochMs = 0

function hearNotice(notice: LiveNotice): void {
  toldAt = Math.max(toldAt, Date.parse(notice.at))
  // A word about a load names no outage: it stands in the state of the network, which is read in every round.
  if (notice.data.outage !== null) changed.add(notice.data.outage)
  else if (notice.data.kind.startsWith('storm')) allChanged = true
  gather()
}

function gather(): void {
  const waitMs = outages.peek().size > MANY ? GATHER_MANY_MS : GATHER_MS
  gathering ??= setTimeout(() => void readChanged(), waitMs)
}

/** One round at a time: what changes meanwhile waits for the next, so that a storm cannot pile up questions. */
async function readChanged(): Promise<void> {
  const ids = [...changed]
  const all = allChanged || ids.length > CHANGED_MAX
  changed.clear()
  allChanged = false
  if (all) await readBoard()
  else await Promise.all([ids.length > 0 && readSome(ids), readNetworkState()])
  batch(() => {
    const selected = selectedId()
    if (selected !== null && (all || ids.includes(selected))) {
      heard.value = { id: selected, times: heard.value.times + 1 }
    }
  })
  gathering = undefined
  const stateAt = Date.parse(presentState.peek()?.at ?? '')
  // The state is worked out a few times a second for all screens together: this answer may be from before the notice.
  const isOld = stateAt < toldAt + SURE_AFTER_MS
  if (changed.size > 0 || allChanged || isOld) gather()
}

export function openBoard(): void {
  void readNetwork()
  followLive({
    topics: ['outages', 'load'],
    onNotice: hearNotice,
    onResync: () => void readBoard(),
  })
  effect(() => {
    const at = past.value
    if (at !== null) return void followPast()
    leavePast()
    void readNetworkState()
  })
  // A field that says nothing new is heard all the same: no notice tells of it.
  setInterval(() => void readNetworkState(), FIELD_ASKED_EVERY_MS)
}

let readingPast = false
/** One question at a time: a hand that drags the slider passes through hundreds of moments, and only where it stops counts. */
async function followPast(): Promise<void> {
  if (readingPast) return
  readingPast = true
  let done: EpochMs | null = null
  for (let at = past.peek(); at !== null && at !== done; at = past.peek()) {
    await readPast(at)
    done = at
  }
  readingPast = false
}

async function readPast(at: EpochMs): Promise<void> {
  const moment = new Date(at).toISOString()
  // What began in that very millisecond was out then: the end of the question is not part of it.
  const until = new Date(at + 1).toISOString()
  const query = `state=all&from=${encodeURIComponent(moment)}&to=${encodeURIComponent(until)}`
  const [found] = await Promise.all([readList(query), readPastState(at)])
  if (past.peek() !== at) return
  if (!Array.isArray(found)) {
    readProblem.value = found
    return
  }
  readProblem.value = null
  const out = new Map(networkState.value?.parts.map((part) => [part.outage, part.customers]))
  pastOutages.value = new Map(
    found.flatMap((outage) => {
      const then = asOf(outage, at, out.get(outage.id) ?? 0)
      return then === null ? [] : [[then.id, then]]
    }),
  )
}
