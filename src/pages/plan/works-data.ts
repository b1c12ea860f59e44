import { effect, signal } from '@preact/signals'
import { read, send } from '../api.ts'
import { dayAfter, question, today } from './question.ts'

/** A work as `GET /api/v1/works` tells it. */
export type Work = {
  readonly id: string
  readonly title: string
  readonly kind: string
  readonly method: string
  readonly reason: string
  readonly responsible: string
  readonly crew: string | null
  readonly state: string
  readonly window: { readonly from: string; readonly until: string }
  readonly steps: readonly { readonly switch: string; readonly position: string }[]
  readonly history: readonly { readonly at: string; readonly by: string; readonly act: string }[]
  readonly changedSinceApproval: ChangedSinceApproval | null
  /** Null until it is finished. */
  readonly actual: {
    readonly plannedH: number
    readonly tookH: number
    readonly overrunH: number
  } | null
  /** Only of a work asked for by its id; null before it could have done anything. */
  readonly against?: {
    readonly planned: CustomersAndMinutes
    readonly actual: CustomersAndMinutes
    readonly extra: CustomersAndMinutes
    readonly outsideTold: { readonly early: number; readonly overrun: number }
    readonly spared: { readonly customers: number }
    readonly outages: readonly string[]
  } | null
}
/** An approved plan that was changed, and that nobody approved since. */
type ChangedSinceApproval = {
  readonly changedAt: string
  readonly changedBy: string
  /** What customers believe; null: they were told that it is off. */
  readonly told: { readonly from: string; readonly until: string } | null
}
type CustomersAndMinutes = { readonly customers: number; readonly customerMinutes: number }

/** `GET /api/v1/works/{id}/effect`: what a person should see before it is approved. */
export type WorkEffect = {
  readonly work: string
  readonly customersInterrupted: number
  readonly customerMinutes: number
  readonly changedSinceApproval: ChangedSinceApproval | null
  /** Customers who would hear something by approving it. */
  readonly approvalTells: {
    readonly announced: number
    readonly changed: number
    readonly cancelled: number
  }
  readonly indices: { readonly saidiMin: number } | null
  readonly priorityPoints: readonly { readonly servicePoint: string; readonly priority: string }[]
  readonly conflicts: readonly { readonly says: string }[]
  readonly limitsPassed: readonly unknown[]
  readonly unitsPassed: readonly { readonly unit: string }[]
  readonly parallels: readonly { readonly feeders: readonly (string | null)[] }[]
  readonly loadsKnown: boolean
  readonly loadsBasis: string | null
  readonly notice: {
    readonly deadlineAt: string
    readonly kept: boolean
    readonly countsAs: string
  }
  readonly repeated: { readonly customers: number }
  readonly unreachable: { readonly count: number } | null
  readonly alternatives: readonly {
    readonly kind: string
    readonly says: string
    readonly savesCustomerMinutes: number
  }[]
}

/** Which acts a state allows; the service has the last word. */
export const NEXT_ACTS: Readonly<Record<string, readonly string[]>> = {
  draft: ['submit', 'cancel'],
  submitted: ['approve', 'cancel'],
  approved: ['start', 'cancel'],
  inProgress: ['finish'],
  overdue: ['finish', 'cancel'],
}

/** Works that are over for longer than this are not on the calendar unless somebody asks for them. */
const DAYS_BACK = 7
const WORKS_AT_ONCE = 200

export const works = signal<readonly Work[] | null>(null)
/** Where the list goes on; null: it is whole. */
export const worksNext = signal<string | null>(null)
/** The work that the address names, also where the list does not hold it. */
export const workChosen = signal<Work | null>(null)
export const worksProblem = signal('')
export const workEffect = signal<WorkEffect | null>(null)

type Page = { readonly works: readonly Work[]; readonly nextCursor: string | null }

/** The first day of the list. */
export const worksSince = (): string => question.value.since ?? dayAfter(today(), -DAYS_BACK)

async function readPage(cursor: string | null): Promise<Page | null> {
  const says = new URLSearchParams({ from: worksSince(), limit: String(WORKS_AT_ONCE) })
  if (cursor !== null) says.set('cursor', cursor)
  const answer = await read<Page>(`/api/v1/works?${says}`)
  worksProblem.value = answer.ok ? '' : answer.problem.detail || answer.problem.title
  return answer.ok ? answer.value : null
}

export async function readWorks(): Promise<void> {
  const page = await readPage(null)
  if (page === null) return
  works.value = page.works
  worksNext.value = page.nextCursor
}

export async function readMoreWorks(): Promise<void> {
  const page = await readPage(worksNext.value)
  if (page === null) return
  works.value = [...(works.value ?? []), ...page.works]
  worksNext.value = page.nextCursor
}

async function readChosen(id: string): Promise<void> {
  const answer = await read<Work>(`/api/v1/works/${encodeURIComponent(id)}`)
  if (answer.ok) workChosen.value = answer.value
  else worksProblem.value = answer.problem.detail || answer.problem.title
}

async function readEffect(id: string): Promise<void> {
  const answer = await read<WorkEffect>(`/api/v1/works/${encodeURIComponent(id)}/effect`)
  if (answer.ok) workEffect.value = answer.value
  else worksProblem.value = answer.problem.detail || answer.problem.title
}

/** Does an act; the reason why not where it did not happen, else the empty text. */
export async function actOnWork(id: string, act: string): Promise<string> {
  const answer = await send(`/api/v1/works/${encodeURIComponent(id)}/${act}`, {})
  await Promise.all([readWorks(), readChosen(id), readEffect(id)])
  return answer.ok ? '' : answer.problem.detail || answer.problem.title
}

export function followWorks(): void {
  let asked: string | null = null
  effect(() => {
    const { view, work } = question.value
    if (view !== 'works') return
    const since = worksSince()
    if (asked !== since) void readWorks()
    asked = since
    if (work !== null && workEffect.peek()?.work !== work) {
      workEffect.value = null
      workChosen.value = null
      void readEffect(work)
      void readChosen(work)
    }
  })
}
