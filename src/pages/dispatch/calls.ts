import { computed, signal } from '@preact/signals'
import { MS_PER_S } from '../../time.ts'
import { read, token } from '../api.ts'

/** What customers say comes without a notice of its own: it is read this often. */
const ASK_EVERY_MS = 10 * MS_PER_S
/** Reports read at most; hazards come first, then what fits no outage. */
const REPORTS_MAX = 500

/** An open report of a customer (GET /api/v1/reports). */
export type Call = {
  readonly id: number
  readonly servicePoint: string
  readonly kind: string
  readonly firstAt: string
  readonly lastAt: string
  readonly times: number
  readonly hazard: boolean
  readonly words: string | null
  readonly outage: string | null
}

export const calls = signal<readonly Call[]>([])
export const hasMoreCalls = computed(() => calls.value.length >= REPORTS_MAX)
export const callsOf = computed(() => {
  const found = new Map<string, number>()
  for (const { outage } of calls.value) {
    if (outage !== null) found.set(outage, (found.get(outage) ?? 0) + 1)
  }
  return found
})
export const unmatchedCalls = computed(() => calls.value.filter(({ outage }) => outage === null))

async function readCalls(): Promise<void> {
  if (token.value === null) return
  const answer = await read<{ reports: readonly Call[] }>(`/api/v1/reports?limit=${REPORTS_MAX}`)
  if (answer.ok) calls.value = answer.value.reports
}

export function followCalls(): void {
  void readCalls()
  setInterval(() => void readCalls(), ASK_EVERY_MS)
}
