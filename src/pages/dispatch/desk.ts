import { effect, signal } from '@preact/signals'
import { detailIs, inOrder, outages, past, rows } from './board.ts'

/** What this desk is looking at and about to do. */
export type OpenAct =
  | {
      readonly kind: 'etr' | 'crew' | 'cause' | 'note' | 'close' | 'merge' | 'split'
      readonly outage: string
    }
  | {
      readonly kind: 'switch'
      readonly switch: string
      readonly position: 'open' | 'closed'
      /** Since when it is thought to be open; left out: now. */
      readonly since?: number
    }
  | {
      readonly kind: 'storm'
      readonly does: 'declare' | 'estimate' | 'end'
      readonly area: string | null
    }
  | { readonly kind: 'shelve'; readonly alarm: string; readonly about: string }

export const selected = signal<string | null>(null)
export const act = signal<OpenAct | null>(null)
/** A switch picked on the map, by its index in the network. */
export const device = signal<number | null>(null)
/** A node that is brought into sight, where there is no switch to pick. */
export const spot = signal<number | null>(null)
/** Lines an open act would change, and lines of a trace: drawn on the map, nothing else. */
export const halo = signal<readonly number[]>([])
export const trace = signal<readonly number[]>([])
export const drawing = signal<'map' | 'oneLine'>('map')
export const helpOpen = signal(false)

export function select(id: string | null): void {
  selected.value = id
  device.value = null
  spot.value = null
  trace.value = []
  if (act.value !== null) leaveAct()
}

/** Shows a switch on the map with what can be done to it. */
export function pickDevice(index: number): void {
  trace.value = []
  device.value = index
}

/** Opens the panel that shows the effect; the past cannot be acted on. */
export function openAct(wanted: OpenAct): void {
  if (past.value !== null) return
  act.value = wanted
}

export function leaveAct(): void {
  act.value = null
  halo.value = []
}

export function move(step: 1 | -1): void {
  const shown = inOrder.value
  if (shown.length === 0) return
  const here = shown.findIndex(({ id }) => id === selected.value)
  const next = here < 0 ? 0 : Math.max(0, Math.min(shown.length - 1, here + step))
  select(shown[next]?.id ?? null)
}

detailIs(() => selected.peek())
effect(() => {
  // Something must be selected as soon as there is something, so that the first key already acts on the worst outage.
  if (selected.value === null && rows.value.length > 0) selected.value = rows.value[0]?.id ?? null
  if (selected.value !== null && past.value === null && !outages.value.has(selected.value)) {
    selected.value = rows.value[0]?.id ?? null
  }
})
