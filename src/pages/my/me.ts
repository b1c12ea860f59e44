import { effect, signal } from '@preact/signals'
import type { EpochMs } from '../../time.ts'
import { read } from '../api.ts'
import { followLive, type LiveNotice } from '../live.ts'
import { pageTime } from '../page-clock.ts'
import type { Storm } from '../storm-banner.tsx'

/** GET /api/v1/me: what happens to the supply of the bearer, and of nobody else. */
export type Me = {
  readonly subject: string
  readonly at: string
  readonly storms?: readonly Storm[]
  readonly servicePoints: readonly MyPoint[]
}
export type MyPoint = {
  readonly id: string
  readonly supply: 'on' | 'off' | 'unknown'
  readonly since: string | null
  /** No switch says so, but meters and neighbours do. */
  readonly probablyOff?: {
    readonly since: string
    readonly kind: 'probablyOff' | 'stillDark'
    readonly text: { readonly en: string; readonly 'zh-CN': string }
  } | null
  readonly outage: MyOutage | null
  readonly etr: {
    readonly at: string
    readonly earliest: string | null
    readonly latest: string | null
    readonly source: string
    readonly issuedAt: string
  } | null
  readonly plannedWork?: readonly PlannedWork[]
  readonly history: { readonly interruptions: readonly PastInterruption[] }
}
export type MyOutage = {
  readonly id: string
  readonly kind: string
  readonly startedAt: string
  readonly cause: string | null
  readonly customersOut: Masked
  readonly customersInterrupted: Masked
  readonly crew: { readonly state: string | null; readonly at?: string } | null
}
export type Masked = number | { readonly max: number }
export type PlannedWork = {
  readonly id: string
  readonly from: string
  readonly until: string
  readonly state?: string
  readonly reason?: string | null
}
export type PastInterruption = {
  readonly outage: string
  readonly from: string
  readonly until: string
  readonly minutes: number
  readonly kind: string
  readonly cause: string | null
}

const KEPT_KEY = 'relight.me'
/** Without a socket (a train, a tunnel, a strict network) the page still asks this often. */
const ASK_EVERY_MS = 60_000
/** Notices of one event come together; one reading answers them all. */
const GATHER_MS = 150
/** What the page tells of what changed, newest first. */
const CHANGES_MAX = 12

export const me = signal<Me | null>(null)
/** When what is shown was true, by our clock. */
export const trueAt = signal<EpochMs | null>(null)
export const failing = signal(false)
export type Change = {
  readonly seq: number
  readonly at: string
  readonly text: { readonly en: string; readonly 'zh-CN': string }
  readonly points: readonly string[]
}
export const changes = signal<readonly Change[]>([])

export async function readMe(): Promise<void> {
  const answer = await read<Me>('/api/v1/me')
  failing.value = !answer.ok
  if (!answer.ok) return
  me.value = answer.value
  trueAt.value = pageTime()
  // Kept for this tab only: after a reload without a network the last state is shown with its age.
  sessionStorage.setItem(KEPT_KEY, JSON.stringify({ me: answer.value, at: trueAt.value }))
}

function showKept(): void {
  const text = sessionStorage.getItem(KEPT_KEY)
  if (text === null) return
  const kept = JSON.parse(text) as { me: Me; at: EpochMs }
  me.value = kept.me
  trueAt.value = kept.at
}

let gathering: ReturnType<typeof setTimeout> | undefined
function hear(notice: LiveNotice): void {
  const change: Change = {
    seq: notice.seq,
    at: notice.at,
    text: notice.data.text,
    points: notice.data.servicePoints ?? [],
  }
  if (changes.value.every(({ seq }) => seq !== change.seq)) {
    changes.value = [change, ...changes.value].slice(0, CHANGES_MAX)
  }
  gathering ??= setTimeout(() => {
    gathering = undefined
    void readMe()
  }, GATHER_MS)
}

/** The last state stands at once; the service is asked, and followed as soon as it has said which points are ours. */
export async function openMe(): Promise<void> {
  showKept()
  let followed = false
  effect(() => {
    const points = me.value?.servicePoints.map(({ id }) => `servicePoint:${id}`) ?? []
    if (followed || points.length === 0) return
    followed = true
    followLive({ topics: points, onNotice: hear, onResync: () => void readMe() })
  })
  setInterval(() => void readMe(), ASK_EVERY_MS)
  addEventListener('online', () => void readMe())
  addEventListener('offline', () => (failing.value = true))
  await readMe()
}
