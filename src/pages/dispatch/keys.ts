import { acknowledgeFirst, shelveFirst } from './alarm-list.tsx'
import { grouped, list, LISTS, resort } from './board.ts'
import {
  act,
  drawing,
  helpOpen,
  leaveAct,
  move,
  openAct,
  selected,
  device,
  trace,
  type OpenAct,
} from './desk.ts'
import { showTrace } from './device-card.tsx'
import { showWhole, stepAbnormal } from './map-panel.tsx'
import { moveLimit } from './limits.ts'
import { moveGuess } from './probable.ts'
import { pan, zoom, ZOOM_STEP } from './map-view.ts'
import { network } from './network.ts'
import { outageNamed } from './board.ts'
import { positionOf } from './device-card.tsx'
import { switchNamed } from './network.ts'
import { singleKeysOn } from './single-keys.ts'
import { openStorm } from './storm-act.tsx'

/** A two-key word must be finished within this. */
const SECOND_KEY_MS = 1_200

const focus = (id: string) => document.getElementById(id)?.focus()

function actOn(kind: Extract<OpenAct, { outage: string }>['kind']): void {
  if (selected.value !== null) openAct({ kind, outage: selected.value })
}

/** The switch picked on the map, or else the device of the selected outage. */
function actOnSwitch(): void {
  const picked = network.value?.switches.ids[device.value ?? -1]
  const id = picked ?? outageNamed(selected.value)?.device ?? ''
  const index = switchNamed(id)
  const position = index === undefined || positionOf(index) === 'open' ? 'closed' : 'open'
  openAct({ kind: 'switch', switch: id, position })
}

const step = (by: 1 | -1) =>
  list.value === 'limits' ? moveLimit(by) : list.value === 'probable' ? moveGuess(by) : move(by)

/** No single key does anything that reaches the field or a customer: acts open a panel, and `Ctrl+Enter` there does it. */
const KEYS: Readonly<Record<string, () => void>> = {
  j: () => step(1),
  k: () => step(-1),
  Enter: () => focus('detail'),
  '/': () => focus('search'),
  ' ': acknowledgeFirst,
  e: () => actOn('etr'),
  a: () => actOn('crew'),
  u: () => actOn('cause'),
  n: () => actOn('note'),
  c: () => actOn('close'),
  w: () => actOn('merge'),
  x: () => actOn('split'),
  v: shelveFirst,
  r: actOnSwitch,
  s: actOnSwitch,
  m: () => (drawing.value = drawing.value === 'map' ? 'oneLine' : 'map'),
  f: () => (grouped.value = !grouped.value),
  '[': () => stepAbnormal(-1),
  ']': () => stepAbnormal(1),
  '+': () => zoom(ZOOM_STEP),
  '=': () => zoom(ZOOM_STEP),
  '-': () => zoom(1 / ZOOM_STEP),
  '0': showWhole,
  ArrowLeft: () => pan(1, 0),
  ArrowRight: () => pan(-1, 0),
  ArrowUp: () => pan(0, 1),
  ArrowDown: () => pan(0, -1),
  '.': resort,
  '?': () => (helpOpen.value = !helpOpen.value),
  'g o': () => (list.value = 'active'),
  'g c': () => (list.value = 'noCrew'),
  'g p': () => (list.value = 'planned'),
  'g a': () => focus('alarms'),
  'g s': openStorm,
  'g l': () => (list.value = 'limits'),
  'g b': () => (list.value = 'probable'),
  'g t': () => focus('moment'),
  't u': () => void showTrace('up'),
  't d': () => void showTrace('down'),
  't t': () => void showTrace('ties'),
  ...Object.fromEntries(
    [...LISTS, 'limits' as const, 'probable' as const].map((name, index) => [
      String(index + 1),
      () => void (list.value = name),
    ]),
  ),
}
const FIRST_KEYS = new Set(['g', 't'])

let first = ''
let firstAt = 0

export function listenToKeys(): void {
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape') return escape(event)
    if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return
    // What is typed while an act is open belongs to its form, also before the focus has got there. Tab goes where it goes.
    if (act.value !== null) {
      const onButton = event.key === ' ' && event.target instanceof HTMLButtonElement
      const inside = document.activeElement?.closest('.act') ?? null
      if (event.key.length === 1 && !onButton && inside === null)
        document.querySelector<HTMLElement>('.act input, .act select')?.focus()
      return
    }
    if (!singleKeysOn.value && event.key.length === 1) return
    // A button under the focus keeps its own Enter and Space.
    const onButton = event.target instanceof HTMLButtonElement
    if (onButton && (event.key === 'Enter' || event.key === ' ')) return
    const together = event.timeStamp - firstAt < SECOND_KEY_MS ? `${first} ${event.key}` : ''
    first = ''
    const does = KEYS[together] ?? KEYS[event.key]
    if (does === undefined) {
      if (!FIRST_KEYS.has(event.key)) return
      first = event.key
      firstAt = event.timeStamp
    }
    event.preventDefault()
    does?.()
  })
}

const writing = (target: EventTarget | null): boolean =>
  target instanceof HTMLTextAreaElement ||
  target instanceof HTMLSelectElement ||
  (target instanceof HTMLInputElement && target.type !== 'checkbox' && target.type !== 'radio')

/** One step back: the open act, then the help, then what was picked, then the field that has the focus. */
function escape(event: KeyboardEvent): void {
  if (act.value !== null) leaveAct()
  else if (helpOpen.value) helpOpen.value = false
  else if (trace.value.length > 0) trace.value = []
  else if (device.value !== null) device.value = null
  if (event.target instanceof HTMLElement) event.target.blur()
}
