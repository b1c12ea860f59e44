import { computed, effect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { colourOf, theme } from '../theme.ts'
import { outageNamed } from './board.ts'
import { act, device, drawing, halo, pickDevice, select, selected, spot, trace } from './desk.ts'
import { DeviceCard } from './device-card.tsx'
import type { DrawnState, Ink, Target, Told } from './drawn.ts'
import {
  bringIntoSight,
  followHands,
  keepFitting,
  layout,
  movements,
  showAll,
  size,
  view,
  zoom,
  ZOOM_STEP,
} from './map-view.ts'
import { chooseLimit, limits } from './limits.ts'
import { network, networkProblem, networkState } from './network.ts'
import { stateOf } from './outages.ts'
import { hasPlaces } from './scene.ts'
import { openSheet } from './sheet.ts'
import { w } from './words.ts'

const isMapped = computed(() => network.value !== null && hasPlaces(network.value))
/** A network without places has only its one-line. */
const shown = computed(() => (isMapped.value ? drawing.value : 'oneLine'))

const drawnState = computed<DrawnState>(() => {
  const { abnormal = [], silent = [], parts = [] } = networkState.value ?? {}
  return {
    abnormal,
    silent,
    limits: limits.value.map(({ nodes, name, kind, rate }) => ({
      nodes,
      words:
        kind === 'parallel'
          ? `${name} ${w.value.limits.parallelMark}`
          : `${name} ${Math.round((rate ?? 0) * 100)} %`,
    })),
    parts: parts.map(({ outage: id, back, lines }) => {
      const outage = outageNamed(id)
      const state = back ? 'back' : outage === null ? 'out' : stateOf(outage)
      return {
        outage: id,
        lines,
        // The board may be a moment behind the drawing: what is dark is never drawn as back.
        state: state === 'back' && !back ? 'out' : state,
        customers: outage?.customersOut ?? 0,
      }
    }),
  }
})

/** The colours are read from the style sheet once a theme. */
const ink = computed<Ink>(() => {
  void theme.value
  return {
    ink: colourOf('--ink'),
    muted: colourOf('--muted'),
    panel: colourOf('--panel'),
    raise: colourOf('--raise'),
    net: colourOf('--net'),
    fine: colourOf('--net-fine'),
    ovl: colourOf('--ovl'),
    out: colourOf('--out'),
    part: colourOf('--out'),
    pred: colourOf('--pred'),
    plan: colourOf('--plan'),
    back: colourOf('--back'),
    on: colourOf('--net'),
    font: getComputedStyle(document.body).fontFamily,
  }
})

const selectedFeeder = () => outageNamed(selected.peek())?.feeder ?? null
export const showWhole = () => showAll(selectedFeeder())

let sheet: ReturnType<typeof openSheet> | undefined
/** What is to be brought into sight; the answer for anything else comes too late. */
let sought: Target['is'] | undefined

function seek(of: Target['is']): void {
  sought = of
  sheet?.ask({ ask: 'place', drawing: shown.peek(), of })
}

function hear(told: Exclude<Told, { told: 'picture' }>): void {
  if (told.told === 'scene') {
    if (told.drawing !== shown.peek()) return
    layout.value = told
    showWhole()
  } else if (JSON.stringify(told.of) === JSON.stringify(sought)) {
    sought = undefined
    bringIntoSight(told.place)
  }
}

/** The next or previous switch that is not in its normal position. */
export function stepAbnormal(step: 1 | -1): void {
  const odd = networkState.value?.abnormal.map((each) => each.switch) ?? []
  if (odd.length === 0) return
  const here = odd.indexOf(device.value ?? -1)
  const next = odd[(here + step + odd.length) % odd.length]
  if (next === undefined) return
  pickDevice(next)
}

function pick(x: number, y: number): void {
  const target = sheet?.targetAt(x, y)
  if (target === undefined) {
    device.value = null
    trace.value = []
  } else if ('outage' in target.is) select(target.is.outage)
  else if ('device' in target.is) pickDevice(target.is.device)
  else {
    const { node } = target.is
    const limit = limits.value.find(({ nodes }) => nodes.at(-1) === node)
    if (limit !== undefined) chooseLimit(limit)
  }
}

function keepPainted(canvas: HTMLCanvasElement): () => void {
  const opened = openSheet(canvas, (told) => {
    if (told.told !== 'picture') hear(told)
  })
  sheet = opened
  const ends = [
    effect(() => {
      if (network.value !== null) opened.network(network.value)
    }),
    effect(() => {
      if (network.value !== null) opened.ask({ ask: 'scene', drawing: shown.value })
    }),
    effect(() => opened.state(drawnState.value)),
    effect(() => {
      if (view.value === null || layout.value === null) return
      if (layout.value.drawing !== shown.value) return
      opened.show({
        drawing: shown.value,
        view: view.value,
        size: size.value,
        ink: ink.value,
        selected: selected.value,
        device: device.value,
        halo: halo.value,
        trace: trace.value,
      })
    }),
    movements.subscribe(opened.moved),
    effect(() => {
      if (device.value !== null) seek({ device: device.value })
      else if (spot.value !== null) seek({ node: spot.value })
      else if (selected.value !== null && act.value === null) seek({ outage: selected.value })
    }),
  ]
  const watch = new ResizeObserver(([entry]) => {
    if (entry === undefined) return
    const { width, height } = entry.contentRect
    canvas.width = Math.round(width * devicePixelRatio)
    canvas.height = Math.round(height * devicePixelRatio)
    size.value = { width, height }
    keepFitting(selectedFeeder())
  })
  watch.observe(canvas)
  return () => {
    for (const end of ends) end()
    watch.disconnect()
    opened.close()
    sheet = undefined
  }
}

export function MapPanel({ faded }: { faded: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    if (canvas.current === null) return
    followHands(canvas.current, pick)
    return keepPainted(canvas.current)
  }, [])
  const words = w.value
  const abnormal =
    (networkState.value?.parts.length ?? 0) + (networkState.value?.abnormal.length ?? 0)
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
          <button type="button" aria-label={words.wholeMap} onClick={showWhole}>
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
        {network.value !== null && !isMapped.value && <p class="over low">{words.noPlaces}</p>}
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
    {halo.value.length > 0 && (
      <li>
        <svg viewBox="0 0 26 10">
          <path class="ln-halo" d="M0 5h26" />
        </svg>
        {w.value.key.halo}
      </li>
    )}
    <li>
      <svg viewBox="0 0 10 10" class="sq">
        <rect class="limit" width="10" height="10" />
      </svg>
      {w.value.key.limit}
    </li>
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
