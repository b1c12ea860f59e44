import { effect, signal } from '@preact/signals'
import { read } from '../api.ts'
import { heard, past } from './board.ts'
import { selected } from './desk.ts'
import type { Outage } from './outages.ts'

/** GET /api/v1/outages/{id}: the outage with everything that is kept about it. */
export type OutageDetail = Outage & {
  readonly timeline: readonly TimelineEntry[]
  readonly evidence: readonly Evidence[]
  readonly notices: readonly Told[]
  readonly corrections: readonly Correction[]
  /** Outages that were merged into it. */
  readonly merged: readonly string[]
  readonly interruptions: readonly {
    readonly from: string
    readonly until: string | null
    readonly customers: number
  }[]
}
export type TimelineEntry = {
  readonly at: string
  readonly kind: string
  readonly data: Readonly<Record<string, unknown>>
  readonly by: string | null
}
export type Evidence = {
  readonly gateway: string
  readonly kind: string
  readonly point: string
  readonly seq: number
  readonly at: string
  readonly receivedAt: string
  readonly value: string
  readonly reason: string | null
  readonly quality: string
}
export type Told = {
  readonly seq: number
  readonly at: string
  readonly kind: string
  readonly audience: string
  readonly data: { readonly text?: { readonly en: string; readonly 'zh-CN': string } }
}
export type Correction = {
  readonly knownAt: string
  readonly before: Readonly<Record<string, unknown>>
  readonly after: Readonly<Record<string, unknown>>
}

export const detail = signal<OutageDetail | null>(null)

/** Customers out at an instant: the sum of the sets that had begun and not ended. A reclosing brings the same customers back twice. */
export function outAt({ interruptions }: OutageDetail, at: number): number {
  let customers = 0
  for (const set of interruptions) {
    const ended = set.until !== null && Date.parse(set.until) <= at
    if (Date.parse(set.from) <= at && !ended) customers += set.customers
  }
  return customers
}

/** Keeps the open detail true: read when another row is chosen, and again whenever something is heard about it. */
export function followDetail(): void {
  effect(() => {
    const id = selected.value
    if (id === null || past.value !== null) {
      detail.value = null
      return
    }
    if (detail.peek()?.id !== id) detail.value = null
    void readDetail(id)
  })
  effect(() => {
    const { id } = heard.value
    if (id !== '' && id === selected.peek() && past.peek() === null) void readDetail(id)
  })
}

async function readDetail(id: string): Promise<void> {
  const answer = await read<OutageDetail>(`/api/v1/outages/${encodeURIComponent(id)}`)
  if (answer.ok && selected.peek() === id) detail.value = answer.value
}
