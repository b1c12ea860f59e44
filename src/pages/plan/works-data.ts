import { effect, signal } from '@preact/signals'
import { read, send } from '../api.ts'
import { question } from './question.ts'

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
}

/** `GET /api/v1/works/{id}/effect`: what a person should see before it is approved. */
export type WorkEffect = {
  readonly work: string
  readonly customersInterrupted: number
  readonly customerMinutes: number
  readonly indices: { readonly saidiMin: number } | null
  readonly priorityPoints: readonly { readonly servicePoint: string; readonly priority: string }[]
  readonly conflicts: readonly { readonly says: string }[]
  readonly limitsPassed: readonly unknown[]
  readonly loadsKnown: boolean
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

export const works = signal<readonly Work[] | null>(null)
export const worksProblem = signal('')
export const workEffect = signal<WorkEffect | null>(null)

export async function readWorks(): Promise<void> {
  const answer = await read<{ works: readonly Work[] }>('/api/v1/works?limit=500')
  if (answer.ok) works.value = answer.value.works
  worksProblem.value = answer.ok ? '' : answer.problem.detail || answer.problem.title
}

async function readEffect(id: string): Promise<void> {
  const answer = await read<WorkEffect>(`/api/v1/works/${encodeURIComponent(id)}/effect`)
  if (answer.ok) workEffect.value = answer.value
  else worksProblem.value = answer.problem.detail || answer.problem.title
}

/** Does an act; the reason why not where it did not happen, else the empty text. */
export async function actOnWork(id: string, act: string): Promise<string> {
  const answer = await send(`/api/v1/works/${encodeURIComponent(id)}/${act}`, {})
  await Promise.all([readWorks(), readEffect(id)])
  return answer.ok ? '' : answer.problem.detail || answer.problem.title
}

export function followWorks(): void {
  let asked = false
  effect(() => {
    const { view, work } = question.value
    if (view !== 'works') return
    if (!asked) void readWorks()
    asked = true
    if (work !== null && workEffect.peek()?.work !== work) {
      workEffect.value = null
      void readEffect(work)
    }
  })
}
