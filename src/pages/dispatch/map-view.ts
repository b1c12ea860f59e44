import { signal } from '@preact/signals'
import type { Drawing, Place, Size, View } from './drawn.ts'
import type { Box } from './scene.ts'

/** Where the drawing stands in its frame, and what moves it. */
export const ZOOM_STEP = 1.5
const PAN_STEP_PX = 80
const MARGIN_PX = 34
/** The buttons of the panel stand above the drawing, not on it. */
const ABOVE_PX = 14
const CLOSEST_PX_PER_UNIT = { map: 6_000_000, oneLine: 80 }

export const view = signal<View | null>(null)
export const size = signal<Size>({ width: 0, height: 0 })
/** How the network lies in the drawing that is shown; null until it is laid out. */
export const layout = signal<{
  readonly drawing: Drawing
  readonly bounds: Box
  readonly feeders: ReadonlyMap<string, Box>
} | null>(null)
/** Counts the movements of a hand. */
export const movements = signal(0)
/** Until somebody moves the drawing it keeps fitting its frame, however the frame changes. */
let isMoved = false

/** Everything in sight, with a margin; of a one-line the feeder that is named. */
export function showAll(feeder: string | null): void {
  const known = layout.peek()
  if (known !== null) show(known.feeders.get(feeder ?? '') ?? known.bounds)
}

export function keepFitting(feeder: string | null): void {
  if (view.peek() === null || !isMoved) showAll(feeder)
}

function show({ left, top, right, bottom }: Box): void {
  const { width, height } = size.peek()
  if (width === 0) return
  isMoved = false
  const scale = Math.min(
    (width - MARGIN_PX * 2) / (right - left || 1),
    (height - MARGIN_PX * 2 - ABOVE_PX) / (bottom - top || 1),
  )
  view.value = {
    scale,
    shiftX: width / 2 - ((left + right) / 2) * scale,
    shiftY: (height + ABOVE_PX) / 2 - ((top + bottom) / 2) * scale,
  }
}

export function zoom(factor: number, atX?: number, atY?: number): void {
  const was = view.peek()
  const known = layout.peek()
  if (was === null || known === null) return
  const x = atX ?? size.peek().width / 2
  const y = atY ?? size.peek().height / 2
  const scale = Math.min(was.scale * factor, CLOSEST_PX_PER_UNIT[known.drawing])
  isMoved = true
  movements.value++
  const ratio = scale / was.scale
  view.value = {
    scale,
    shiftX: x - (x - was.shiftX) * ratio,
    shiftY: y - (y - was.shiftY) * ratio,
  }
}

export function pan(stepsX: number, stepsY: number): void {
  shift(stepsX * PAN_STEP_PX, stepsY * PAN_STEP_PX)
}

export function shift(x: number, y: number): void {
  const was = view.peek()
  isMoved = true
  movements.value++
  if (was !== null) view.value = { ...was, shiftX: was.shiftX + x, shiftY: was.shiftY + y }
}

/** Brings a place into sight without moving the drawing when it already is; nobody's hand has moved it then. */
export function bringIntoSight(place: Place | null): void {
  const was = view.peek()
  const { width, height } = size.peek()
  if (place === null || was === null || Number.isNaN(place.x)) return
  const x = place.x * was.scale + was.shiftX
  const y = place.y * was.scale + was.shiftY
  const inSight = x > MARGIN_PX && y > MARGIN_PX && x < width - MARGIN_PX && y < height - MARGIN_PX
  if (inSight) return
  const kept = isMoved
  shift(width / 2 - x, height / 2 - y)
  isMoved = kept
}

/** A press that moved less is a click. */
const CLICK_PX = 4

/** Drags with one pointer, pinches with two, zooms with the wheel. */
export function followHands(canvas: HTMLCanvasElement, pick: (x: number, y: number) => void) {
  const down = new Map<number, Place>()
  let travelled = 0
  const place = (event: PointerEvent | WheelEvent) => {
    const box = canvas.getBoundingClientRect()
    return { x: event.clientX - box.left, y: event.clientY - box.top }
  }
  const press = (event: PointerEvent) => {
    canvas.setPointerCapture(event.pointerId)
    down.set(event.pointerId, place(event))
    travelled = 0
  }
  const drag = (event: PointerEvent) => {
    const was = down.get(event.pointerId)
    if (was === undefined) return
    const is = place(event)
    const [other] = [...down].filter(([id]) => id !== event.pointerId)
    if (other === undefined) shift(is.x - was.x, is.y - was.y)
    else {
      const [, still] = other
      const before = Math.hypot(was.x - still.x, was.y - still.y)
      const after = Math.hypot(is.x - still.x, is.y - still.y)
      if (before > 0) zoom(after / before, still.x, still.y)
    }
    travelled += Math.hypot(is.x - was.x, is.y - was.y)
    down.set(event.pointerId, is)
  }
  const lift = (event: PointerEvent) => {
    if (down.delete(event.pointerId) && travelled < CLICK_PX && event.type === 'pointerup') {
      const { x, y } = place(event)
      pick(x, y)
    }
  }
  const wheel = (event: WheelEvent) => {
    event.preventDefault()
    const { x, y } = place(event)
    zoom(Math.exp(-event.deltaY / 400), x, y)
  }
  canvas.addEventListener('pointerdown', press)
  canvas.addEventListener('pointermove', drag)
  canvas.addEventListener('pointerup', lift)
  canvas.addEventListener('pointercancel', lift)
  canvas.addEventListener('wheel', wheel, { passive: false })
}
