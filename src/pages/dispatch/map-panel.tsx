import { computed, effect, signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { State } from '../marks.tsx'
import { pageTime } from '../page-clock.ts'
import { theme } from '../theme.ts'
import { outageNamed } from './board.ts'
import { act, device, drawing, halo, select, selected, trace } from './desk.ts'
import { DeviceCard } from './device-card.tsx'
import { network, networkProblem, networkState } from './network.ts'
import { stateOf } from './outages.ts'
import { makePatch, renewInk, type Picture, type Size, type Target, type View } from './painter.ts'
import {
  hasPlaces,
  jointsOf,
  pathOf,
  sceneOfFeeders,
  sceneOfPlaces,
  switchPlace,
  type Box,
} from './scene.ts'
import { openSheet } from './sheet.ts'
import { w } from './words.ts'

export const ZOOM_STEP = 1.5
const PAN_STEP_PX = 80
/** A press that moved less is a click. */
const CLICK_PX = 4
const MARGIN_PX = 34
/** Networks up to this size are drawn afresh in every frame; larger ones when the hand rests. */
const AT_ONCE_LINES_MAX = 12_000
const SETTLED_MS = 150
const CLOSEST_PX_PER_UNIT = { map: 6_000_000, oneLine: 80 }

const placesScene = computed(() =>
  network.value !== null && hasPlaces(network.value) ? sceneOfPlaces(network.value) : null,
)
const feedersScene = computed(() => (network.value === null ? null : sceneOfFeeders(network.value)))
export const scene = computed(() =>
  drawing.value === 'oneLine' || placesScene.value === null
    ? feedersScene.value
    : placesScene.value,
)

const view = signal<View | null>(null)
const size = signal<Size>({ width: 0, height: 0 })
let targets: readonly Target[] = []
/** Until somebody moves the drawing it keeps fitting its frame, however the frame changes. */
let moved = false
let movedAt = 0

const patches = computed(() => {
  const on = scene.value
  if (on === null) return []
  const parts = networkState.value?.parts ?? []
  const odd = new Map(networkState.value?.abnormal.map((each) => [each.switch, each.closedPhases]))
  const joints = jointsOf(
    on,
    parts.map(({ lines }) => lines),
    (index) => (odd.get(index) ?? on.map.switches.normal[index]) !== 0,
  )
  return parts.map((part, index) => {
    const outage = outageNamed(part.outage)
    const state = part.back ? 'back' : outage === null ? 'out' : stateOf(outage)
    return makePatch(on, part.lines, joints[index] ?? [], {
      outage: part.outage,
      state: state === 'back' && !part.back ? 'out' : state,
      customers: outage?.customersOut ?? 0,
    })
  })
})

const joined = computed(() => {
  const paths = new Map<State, Path2D>()
  for (const { state, path } of patches.value) {
    const all = paths.get(state) ?? new Path2D()
    all.addPath(path)
    paths.set(state, all)
  }
  return paths
})

const closedTies = computed(() => {
  const on = scene.value
  const closed = (networkState.value?.abnormal ?? []).filter(
    (each) => each.closedPhases !== 0 && on?.map.switches.normal[each.switch] === 0,
  )
  if (on === null || on.kind === 'oneLine') return new Path2D()
  const { from, to } = on.map.switches
  const ends = closed.map(
    (each) => [from[each.switch] as number, to[each.switch] as number] as const,
  )
  return pathOf(on, [], ends)
})

const picture = computed<Picture | null>(() => {
  const on = scene.value
  if (on === null) return null
  return {
    scene: on,
    patches: patches.value,
    joined: joined.value,
    state: networkState.value,
    selected: selected.value,
    device: device.value,
    closedTies: closedTies.value,
    halo: halo.value.length > 0 ? pathOf(on, halo.value) : null,
    trace: trace.value.length > 0 ? pathOf(on, trace.value) : null,
  }
})

/** Everything in sight, with a margin; of a one-line the feeder of what is selected. */
export function showAll(): void {
  const on = scene.peek()
  if (on === null) return
  const feeder = outageNamed(selected.peek())?.feeder
  show(on.feederBoxes.get(feeder ?? '') ?? on.bounds)
}

function show({ left, top, right, bottom }: Box): void {
  const { width, height } = size.peek()
  if (width === 0) return
  moved = false
  const scale = Math.min(
    (width - MARGIN_PX * 2) / (right - left || 1),
    (height - MARGIN_PX * 2) / (bottom - top || 1),
  )
  view.value = {
    scale,
    shiftX: width / 2 - ((left + right) / 2) * scale,
    shiftY: height / 2 - ((top + bottom) / 2) * scale,
  }
}

export function zoom(factor: number, atX?: number, atY?: number): void {
  const was = view.peek()
  const on = scene.peek()
  if (was === null || on === null) return
  const x = atX ?? size.peek().width / 2
  const y = atY ?? size.peek().height / 2
  const scale = Math.min(was.scale * factor, CLOSEST_PX_PER_UNIT[on.kind])
  moved = true
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

function shift(x: number, y: number): void {
  const was = view.peek()
  moved = true
  movedAt = pageTime()
  if (was !== null) view.value = { ...was, shiftX: was.shiftX + x, shiftY: was.shiftY + y }
}

/** Brings a place into sight without moving the drawing when it already is. */
function bringIntoSight(place: { x: number; y: number } | undefined): void {
  const was = view.peek()
  const { width, height } = size.peek()
  if (place === undefined || was === null || Number.isNaN(place.x)) return
  const x = place.x * was.scale + was.shiftX
  const y = place.y * was.scale + was.shiftY
  const inSight = x > MARGIN_PX && y > MARGIN_PX && x < width - MARGIN_PX && y < height - MARGIN_PX
  if (!inSight) {
    const was = moved
    shift(width / 2 - x, height / 2 - y)
    moved = was
  }
}

/** The next or previous switch that is not in its normal position. */
export function stepAbnormal(step: 1 | -1): void {
  const odd = networkState.value?.abnormal.map((each) => each.switch) ?? []
  if (odd.length === 0) return
  const here = odd.indexOf(device.value ?? -1)
  const next = odd[(here + step + odd.length) % odd.length]
  if (next === undefined) return
  device.value = next
  const on = scene.value
  if (on !== null) bringIntoSight(switchPlace(on, next))
}

function pick(x: number, y: number): void {
  let best: Target | undefined
  let bestApart = Infinity
  for (const target of targets) {
    const apart = Math.hypot(target.x - x, target.y - y)
    if (apart <= target.reach && apart < bestApart) {
      best = target
      bestApart = apart
    }
  }
  if (best === undefined) {
    device.value = null
    trace.value = []
  } else if ('outage' in best.is) select(best.is.outage)
  else {
    trace.value = []
    device.value = best.is.device
  }
}

/** Draws at most once a frame, whatever changed and however often. */
function keepPainted(canvas: HTMLCanvasElement): () => void {
  const sheet = openSheet(canvas)
  let frame = 0
  let settling: ReturnType<typeof setTimeout> | undefined
  const schedule = () => {
    if (frame === 0) frame = requestAnimationFrame(draw)
  }
  const draw = () => {
    frame = 0
    const now = picture.peek()
    const at = view.peek()
    if (now === null || at === null) return
    const isLarge = now.scene.map.lines.from.length > AT_ONCE_LINES_MAX
    if (isLarge && pageTime() - movedAt < SETTLED_MS && sheet.shift(at, now)) {
      clearTimeout(settling)
      settling = setTimeout(schedule, SETTLED_MS)
      return
    }
    targets = sheet.paint(size.peek(), at, now)
  }
  const followTheme = theme.subscribe(() => {
    renewInk()
    sheet.forget()
    schedule()
  })
  // Stepping through rows is a movement too: what is selected is outlined when the hand rests.
  const stepping = selected.subscribe(() => {
    movedAt = pageTime()
  })
  const stop = effect(() => {
    if (picture.value !== null && view.value !== null && size.value.width > 0) schedule()
  })
  const watch = new ResizeObserver(([entry]) => {
    if (entry === undefined) return
    const { width, height } = entry.contentRect
    canvas.width = Math.round(width * devicePixelRatio)
    canvas.height = Math.round(height * devicePixelRatio)
    size.value = { width, height }
    if (view.peek() === null || !moved) showAll()
  })
  watch.observe(canvas)
  const showScene = effect(() => {
    if (scene.value !== null) showAll()
  })
  const follow = effect(() => {
    const chosen = patches.value.find(({ outage }) => outage !== null && outage === selected.value)
    if (act.value === null) bringIntoSight(chosen?.middle)
  })
  return () => {
    for (const end of [stop, stepping, followTheme, showScene, follow]) end()
    watch.disconnect()
    cancelAnimationFrame(frame)
    clearTimeout(settling)
  }
}

/** Drags with one pointer, pinches with two, zooms with the wheel. */
function keepMoving(canvas: HTMLCanvasElement): () => void {
  const down = new Map<number, { x: number; y: number }>()
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
  return () => down.clear()
}

export function MapPanel({ faded }: { faded: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    if (canvas.current === null) return
    const ends = [keepPainted(canvas.current), keepMoving(canvas.current)]
    return () => ends.forEach((end) => end())
  }, [])
  const words = w.value
  const abnormal = patches.value.length + (networkState.value?.abnormal.length ?? 0)
  return (
    <section class={faded ? 'map faded' : 'map'} aria-label={words.map}>
      <div class="sheet">
        <canvas ref={canvas} role="img" aria-label={words.mapLabel(abnormal)} />
        <div class="zoom">
          <button type="button" aria-label={words.zoomIn} onClick={() => zoom(ZOOM_STEP)}>
            +
          </button>
          <button type="button" aria-label={words.zoomOut} onClick={() => zoom(1 / ZOOM_STEP)}>
            −
          </button>
          <button type="button" aria-label={words.wholeMap} onClick={showAll}>
            ⌂
          </button>
        </div>
        <div class="view">
          {(['map', 'oneLine'] as const).map((each) => (
            <button
              type="button"
              key={each}
              aria-pressed={drawing.value === each}
              onClick={() => (drawing.value = each)}
            >
              {words[each]}
            </button>
          ))}
        </div>
        {network.value === null && (
          <p class="over">
            {networkProblem.value === null
              ? words.readingNetwork
              : `${words.noNetwork}: ${networkProblem.value}`}
          </p>
        )}
        {network.value !== null && placesScene.value === null && (
          <p class="over low">{words.noPlaces}</p>
        )}
        <DeviceCard />
      </div>
      <MapKey />
    </section>
  )
}

const LINE_KEYS = ['out', 'plan', 'back'] as const
const MapKey = () => (
  <ul class="key" aria-hidden="true">
    {LINE_KEYS.map((state) => (
      <li key={state}>
        <svg viewBox="0 0 26 10">
          <path class={`ln ln-${state}`} d="M0 5h26" />
        </svg>
        {w.value.key[state]}
      </li>
    ))}
    {(['closed', 'open', 'odd', 'stale'] as const).map((position) => (
      <li key={position}>
        <svg viewBox="0 0 10 10" class="sq">
          <rect class={`sw ${position}`} x="1" y="1" width="8" height="8" />
        </svg>
        {w.value.key[position]}
      </li>
    ))}
  </ul>
)
