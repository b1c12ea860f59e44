import { colourOf } from '../theme.ts'
import type { State } from '../marks.tsx'
import type { NetworkState } from './network.ts'
import { Labels } from './labels.ts'
import { middleOf, pathOf, switchPlace, type Scene } from './scene.ts'

/** Screen = drawing × scale + shift, in CSS pixels. */
export type View = { readonly scale: number; readonly shiftX: number; readonly shiftY: number }
export type Size = { readonly width: number; readonly height: number }

/** A part of the network that is not normal, ready to draw. */
export type Patch = {
  readonly outage: string | null
  readonly state: State
  readonly customers: number
  readonly path: Path2D
  readonly middle: { readonly x: number; readonly y: number } | undefined
}

export type Picture = {
  readonly scene: Scene
  readonly patches: readonly Patch[]
  /** All patches of a state as one path: thousands of outages are drawn with a handful of strokes. */
  readonly joined: ReadonlyMap<State, Path2D>
  readonly state: NetworkState | null
  readonly selected: string | null
  readonly device: number | null
  /** Ties that stand closed: supply takes another way than it should. */
  readonly closedTies: Path2D
  readonly halo: Path2D | null
  readonly trace: Path2D | null
}

/** Something drawn that can be pointed at, by its place on the screen. */
export type Target = {
  readonly x: number
  readonly y: number
  readonly reach: number
  readonly is: { readonly outage: string } | { readonly device: number }
}

/** Above this many in sight, switches in their normal position are left to a closer look. */
const SWITCHES_DRAWN_MAX = 160
const BADGES_DRAWN_MAX = 400
const NAMED_MAX = 25
/** With more squares than this in sight, counts may touch one: to keep clear of all would cost the frame. */
const AVOIDED_MAX = 300
const SWITCH_HALF_PX = 3.5

type Ink = Readonly<Record<'ink' | 'muted' | 'panel' | 'raise' | 'net' | 'fine' | State, string>>

let ink: Ink | undefined
/** The colours are read from the style sheet once a theme. */
export function renewInk(): void {
  ink = {
    ink: colourOf('--ink'),
    muted: colourOf('--muted'),
    panel: colourOf('--panel'),
    raise: colourOf('--raise'),
    net: colourOf('--net'),
    fine: colourOf('--net-fine'),
    out: colourOf('--out'),
    part: colourOf('--out'),
    pred: colourOf('--pred'),
    plan: colourOf('--plan'),
    back: colourOf('--back'),
    on: colourOf('--net'),
  }
}

/** Width and dashes in pixels say the same as the colour. */
const STROKES: Record<State, { width: number; dash: number[]; cap: CanvasLineCap }> = {
  out: { width: 4.5, dash: [9, 3], cap: 'butt' },
  part: { width: 4.5, dash: [9, 3], cap: 'butt' },
  pred: { width: 3, dash: [4, 3], cap: 'butt' },
  plan: { width: 4, dash: [16, 5], cap: 'butt' },
  back: { width: 3.5, dash: [1.5, 4.5], cap: 'round' },
  on: { width: 1, dash: [], cap: 'butt' },
}

export function makePatch(
  scene: Scene,
  lines: readonly number[],
  joints: readonly (readonly [number, number])[],
  rest: Pick<Patch, 'outage' | 'state' | 'customers'>,
): Patch {
  return { ...rest, path: pathOf(scene, lines, joints), middle: middleOf(scene, lines) }
}

/** Draws everything; answers with what can be pointed at. */
export function paint(
  context: CanvasRenderingContext2D,
  size: Size,
  view: View,
  picture: Picture,
): Target[] {
  if (ink === undefined) renewInk()
  const colours = ink as Ink
  const dense = devicePixelRatio
  context.setTransform(dense, 0, 0, dense, 0, 0)
  context.fillStyle = colours.panel
  context.fillRect(0, 0, size.width, size.height)
  context.setTransform(
    dense * view.scale,
    0,
    0,
    dense * view.scale,
    dense * view.shiftX,
    dense * view.shiftY,
  )
  paintNetwork(context, size, view, picture.scene, colours)
  paintPatches(context, view, picture, colours)
  context.setTransform(dense, 0, 0, dense, 0, 0)
  const labels = new Labels(context, colours.panel)
  const switches = switchesInSight(size, view, picture)
  paintSwitches(context, switches, picture, colours, labels)
  const badges = paintBadges(context, size, view, picture, colours, labels)
  nameSwitches(switches, picture, colours, labels)
  paintNames(context, size, view, picture.scene, colours, labels)
  return [
    ...badges,
    ...switches.map(({ index, x, y }) => ({ x, y, reach: 12, is: { device: index } })),
  ]
}

function stroke(
  context: CanvasRenderingContext2D,
  view: View,
  path: Path2D,
  colour: string,
  width: number,
  dash: readonly number[] = [],
): void {
  context.strokeStyle = colour
  context.lineWidth = width / view.scale
  context.setLineDash(dash.map((length) => length / view.scale))
  context.stroke(path)
}

function paintNetwork(
  context: CanvasRenderingContext2D,
  size: Size,
  view: View,
  scene: Scene,
  colours: Ink,
): void {
  context.lineJoin = 'bevel'
  context.lineCap = 'butt'
  const left = -view.shiftX / view.scale
  const top = -view.shiftY / view.scale
  const right = left + size.width / view.scale
  const bottom = top + size.height / view.scale
  for (const { box, fine, trunk } of scene.cells) {
    if (box.right < left || box.left > right || box.bottom < top || box.top > bottom) continue
    stroke(context, view, fine, colours.fine, 0.9)
    stroke(context, view, trunk, colours.net, 1.8)
  }
  stroke(context, view, scene.ties, colours.net, 1.4, [5, 4])
}

function paintPatches(
  context: CanvasRenderingContext2D,
  view: View,
  picture: Picture,
  colours: Ink,
): void {
  if (picture.halo !== null) {
    context.lineCap = 'round'
    stroke(context, view, picture.halo, colours.raise, 22)
  }
  stroke(context, view, picture.closedTies, colours.ink, 2)
  for (const { outage, state, path } of picture.patches) {
    if (outage === null || outage !== picture.selected) continue
    stroke(context, view, path, colours.ink, STROKES[state].width + 4.5)
  }
  for (const [state, path] of picture.joined) {
    const { width, dash, cap } = STROKES[state]
    context.lineCap = 'butt'
    stroke(context, view, path, colours.panel, width + 2.5)
    context.lineCap = cap
    stroke(context, view, path, colours[state], width, dash)
  }
  context.lineCap = 'butt'
  if (picture.trace !== null) stroke(context, view, picture.trace, colours.ink, 3)
  context.setLineDash([])
}

const seen = (size: Size, x: number, y: number): boolean =>
  x > -20 && y > -20 && x < size.width + 20 && y < size.height + 20

function paintBadges(
  context: CanvasRenderingContext2D,
  size: Size,
  view: View,
  picture: Picture,
  colours: Ink,
  labels: Labels,
): Target[] {
  const targets: Target[] = []
  const order = [...picture.patches].sort(
    (a, b) =>
      Number(b.outage === picture.selected) - Number(a.outage === picture.selected) ||
      b.customers - a.customers,
  )
  for (const { outage, state, customers, middle } of order.slice(0, BADGES_DRAWN_MAX)) {
    if (middle === undefined || outage === null) continue
    const x = middle.x * view.scale + view.shiftX
    const y = middle.y * view.scale + view.shiftY
    if (!seen(size, x, y)) continue
    badge(context, x, y, state, colours)
    targets.push({ x, y, reach: 14, is: { outage } })
    labels.take(x - 8, y - 8, 16, 16)
    if (customers > 0) labels.beside(String(customers), x, y, colours[state], '700 13px')
  }
  return targets
}

function badge(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  state: State,
  colours: Ink,
): void {
  const full = Math.PI * 2
  context.lineWidth = 2
  context.strokeStyle = colours[state]
  context.fillStyle = colours.panel
  context.beginPath()
  if (state === 'plan') {
    context.moveTo(x, y - 7)
    context.lineTo(x + 7, y)
    context.lineTo(x, y + 7)
    context.lineTo(x - 7, y)
    context.closePath()
  } else context.arc(x, y, 6, 0, full)
  context.fill()
  context.stroke()
  context.fillStyle = colours[state]
  context.beginPath()
  if (state === 'out') context.arc(x, y, 6, 0, full)
  else if (state === 'part') context.arc(x, y, 6, -Math.PI / 2, Math.PI / 2)
  context.fill()
  context.beginPath()
  if (state === 'plan') {
    context.moveTo(x, y - 3)
    context.lineTo(x, y)
    context.lineTo(x + 3, y)
  } else if (state === 'back') {
    context.moveTo(x - 3, y)
    context.lineTo(x - 1, y + 2.5)
    context.lineTo(x + 3, y - 2.5)
  }
  context.stroke()
}

type Drawn = { readonly index: number; readonly x: number; readonly y: number; weight: Weight }
/** 3: not normal, or picked; 2: not heard from, or an open tie; 1: any other; 0: a fuse. */
type Weight = 0 | 1 | 2 | 3

/** What is not normal always, the rest as far as there is room for it. */
function switchesInSight(size: Size, view: View, { scene, state, device }: Picture): Drawn[] {
  const { switches } = scene.map
  const odd = new Set(state?.abnormal.map((each) => each.switch))
  const silent = new Set(state?.silent)
  const byWeight: [Drawn[], Drawn[], Drawn[], Drawn[]] = [[], [], [], []]
  for (let index = 0; index < switches.ids.length; index++) {
    const place = switchPlace(scene, index)
    const x = place.x * view.scale + view.shiftX
    const y = place.y * view.scale + view.shiftY
    if (!seen(size, x, y)) continue
    const quiet = switches.kinds[index] === 'fuse' ? 0 : switches.normal[index] === 0 ? 2 : 1
    const weight = index === device || odd.has(index) ? 3 : silent.has(index) ? 2 : quiet
    byWeight[weight].push({ index, x, y, weight })
  }
  const drawn = [...byWeight[3]]
  for (const some of [byWeight[2], byWeight[1], byWeight[0]]) {
    if (drawn.length + some.length > SWITCHES_DRAWN_MAX) break
    drawn.push(...some)
  }
  return drawn.reverse()
}

function paintSwitches(
  context: CanvasRenderingContext2D,
  drawn: readonly Drawn[],
  picture: Picture,
  colours: Ink,
  labels: Labels,
): void {
  const { switches } = picture.scene.map
  const odd = new Map(picture.state?.abnormal.map((each) => [each.switch, each.closedPhases]))
  const silent = new Set(picture.state?.silent)
  for (const { index, x, y, weight } of drawn) {
    const phases = switches.phases[index] as number
    const closed = odd.get(index) ?? switches.normal[index]
    const half = weight < 2 ? SWITCH_HALF_PX - 1 : SWITCH_HALF_PX
    context.setLineDash(silent.has(index) ? [2, 2] : [])
    context.lineWidth = weight === 3 ? 3 : 1.5
    context.strokeStyle = weight === 3 ? colours.ink : colours.net
    context.fillStyle = silent.has(index) || closed === 0 ? colours.panel : colours.net
    context.fillRect(x - half, y - half, half * 2, half * 2)
    // Some of its phases stand open: half of the square is filled.
    if (closed !== 0 && closed !== phases) {
      context.fillStyle = colours.panel
      context.fillRect(x, y - half, half, half * 2)
    }
    context.strokeRect(x - half, y - half, half * 2, half * 2)
    context.setLineDash([])
    if (drawn.length <= AVOIDED_MAX) labels.take(x - half, y - half, half * 2, half * 2)
    if (silent.has(index)) labels.write('?', x - 3, y, colours.ink, '700 11px', true)
  }
}

function nameSwitches(drawn: readonly Drawn[], picture: Picture, colours: Ink, labels: Labels) {
  const { names, ids } = picture.scene.map.switches
  // In a storm the names of all open fuses would hide what matters: only the one that was picked keeps its name.
  const many = drawn.filter(({ weight }) => weight === 3).length > NAMED_MAX
  for (const { index, x, y, weight } of drawn) {
    if (weight < 3 || (many && index !== picture.device)) continue
    labels.write(names[index] ?? ids[index] ?? '', x + 8, y + 12, colours.ink, '12px')
  }
}

function paintNames(
  context: CanvasRenderingContext2D,
  size: Size,
  view: View,
  scene: Scene,
  colours: Ink,
  labels: Labels,
): void {
  const { substations, feeders, switches } = scene.map
  if (scene.kind === 'map') {
    for (let index = 0; index < substations.ids.length; index++) {
      const head = feeders.heads.find(
        (at, feeder) => at >= 0 && feeders.substations[feeder] === index,
      )
      const node = head === undefined ? undefined : switches.from[head]
      if (node === undefined) continue
      const x = (scene.x[node] as number) * view.scale + view.shiftX
      const y = (scene.y[node] as number) * view.scale + view.shiftY
      if (Number.isNaN(x) || !seen(size, x, y)) continue
      context.lineWidth = 2.5
      context.strokeStyle = colours.net
      context.fillStyle = colours.panel
      context.fillRect(x - 7, y - 6, 14, 12)
      context.strokeRect(x - 7, y - 6, 14, 12)
      labels.write(substations.names[index] ?? '', x + 10, y + 12, colours.ink, '600 13px')
    }
  }
  for (let index = 0; index < feeders.ids.length; index++) {
    const head = feeders.heads[index] as number
    if (head < 0) continue
    const node = switches.to[head] as number
    const x = (scene.x[node] as number) * view.scale + view.shiftX
    const y = (scene.y[node] as number) * view.scale + view.shiftY
    if (Number.isNaN(x) || !seen(size, x, y)) continue
    labels.write(feeders.names[index] ?? '', x + 8, y - 11, colours.muted, '12px')
  }
}
