import type { State } from '../marks.tsx'
import type { Context, DrawnState, Ink, Place, Size, Target, View, Wish } from './drawn.ts'
import { Labels } from './labels.ts'
import { cellPaths, levelOf, pathOf, type Level } from './paths.ts'
import { pairsOf, placeBetween, switchPlace, type Pairs, type Scene } from './scene.ts'

/** A part of the network that is not normal, laid out. */
export type Patch = {
  readonly outage: string | null
  readonly state: State
  readonly customers: number
  readonly pairs: Pairs
  readonly middle: Place | undefined
}

export type Picture = {
  readonly scene: Scene
  readonly patches: readonly Patch[]
  readonly state: DrawnState | null
  /** Ties that stand closed: supply takes another way than it should. */
  readonly closedTies: Pairs
  readonly wish: Wish
}

/** Above this many in sight, switches in their normal position are left to a closer look. */
const SWITCHES_DRAWN_MAX = 160
const BADGES_DRAWN_MAX = 400
const NAMED_MAX = 25
/** With more squares than this in sight, counts may touch one: to keep clear of all would cost the frame. */
const AVOIDED_MAX = 300
const SWITCH_HALF_PX = 3.5
const LIMIT_HALF_PX = 6
/** In the corners of the panel, with their margins. */
const VIEW_BUTTONS_PX = { width: 130, height: 40 }
const ZOOM_BUTTONS_PX = { width: 42, height: 106 }

/** Width and dashes in pixels say the same as the colour. */
const STROKES: Record<State, { width: number; dash: number[]; cap: CanvasLineCap }> = {
  out: { width: 4.5, dash: [9, 3], cap: 'butt' },
  part: { width: 4.5, dash: [9, 3], cap: 'butt' },
  pred: { width: 3, dash: [4, 3], cap: 'butt' },
  plan: { width: 4, dash: [16, 5], cap: 'butt' },
  back: { width: 3.5, dash: [1.5, 4.5], cap: 'round' },
  on: { width: 1, dash: [], cap: 'butt' },
}

/** The network as if all were normal: the same for as long as nobody moves, whatever happens on it. */
export function paintGround(context: Context, size: Size, view: View, scene: Scene, wish: Wish) {
  const { ink, density } = wish
  context.setTransform(density, 0, 0, density, 0, 0)
  context.fillStyle = ink.panel
  context.fillRect(0, 0, size.width, size.height)
  toDrawing(context, view, density)
  const level = levelOf(view.scale * density)
  context.lineJoin = 'bevel'
  context.lineCap = 'butt'
  const left = -view.shiftX / view.scale
  const top = -view.shiftY / view.scale
  const right = left + size.width / view.scale
  const bottom = top + size.height / view.scale
  for (const cell of scene.cells) {
    const { box } = cell
    if (box.right < left || box.left > right || box.bottom < top || box.top > bottom) continue
    const { fine, trunk } = cellPaths(scene, cell, level)
    stroke(context, view, fine, ink.fine, 0.9)
    stroke(context, view, trunk, ink.net, 1.8)
  }
  stroke(context, view, pathOf(scene, scene.ties, level.grain), ink.net, 1.4, [5, 4])
}

/** What is not normal, on the ground; answers with what can be pointed at, in the coordinates of the sheet. */
export function paint(context: Context, size: Size, view: View, picture: Picture): Target[] {
  const { density, ink, beyond } = picture.wish
  toDrawing(context, view, density)
  context.lineJoin = 'bevel'
  paintPatches(context, view, picture, levelOf(view.scale * density))
  context.setTransform(density, 0, 0, density, 0, 0)
  const frame = {
    x: beyond.x,
    y: beyond.y,
    width: size.width - 2 * beyond.x,
    height: size.height - 2 * beyond.y,
  }
  const labels = new Labels(context, ink, frame)
  // Where the buttons of the panel stand nothing can be read.
  labels.take(frame.x, frame.y, VIEW_BUTTONS_PX.width, VIEW_BUTTONS_PX.height)
  labels.take(
    frame.x + frame.width - ZOOM_BUTTONS_PX.width,
    frame.y,
    ZOOM_BUTTONS_PX.width,
    ZOOM_BUTTONS_PX.height,
  )
  const switches = switchesInSight(size, view, picture)
  paintSwitches(context, switches, picture, labels)
  const limits = paintLimits(context, size, view, picture, labels)
  const badges = paintBadges(context, size, view, picture, labels)
  nameSwitches(switches, picture, labels)
  paintNames(context, size, view, picture, labels)
  return [
    ...limits,
    ...badges,
    ...switches.map(({ index, x, y }) => ({ x, y, reach: 12, is: { device: index } })),
  ]
}

function toDrawing(context: Context, view: View, density: number): void {
  const scale = density * view.scale
  context.setTransform(scale, 0, 0, scale, density * view.shiftX, density * view.shiftY)
}

function stroke(
  context: Context,
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

function paintPatches(context: Context, view: View, picture: Picture, { grain }: Level): void {
  const { scene, patches, wish } = picture
  const { ink } = wish
  const path = (pairs: Pairs) => pathOf(scene, pairs, grain)
  if (wish.halo.length > 0) {
    context.lineCap = 'round'
    stroke(context, view, path(pairsOf(scene, wish.halo)), ink.raise, 22)
  }
  context.lineCap = 'butt'
  stroke(context, view, path(picture.closedTies), ink.ink, 2)
  // All patches of a state as one path: thousands of outages are drawn with a handful of strokes.
  const joined = new Map<State, Path2D>()
  for (const { outage, state, pairs } of patches) {
    const own = path(pairs)
    const all = joined.get(state) ?? new Path2D()
    all.addPath(own)
    joined.set(state, all)
    if (outage === null || outage !== wish.selected) continue
    stroke(context, view, own, ink.ink, STROKES[state].width + 4.5)
  }
  for (const [state, all] of joined) {
    const { width, dash, cap } = STROKES[state]
    context.lineCap = 'butt'
    stroke(context, view, all, ink.panel, width + 2.5)
    context.lineCap = cap
    stroke(context, view, all, ink[state], width, dash)
  }
  context.lineCap = 'butt'
  if (wish.trace.length > 0) stroke(context, view, path(pairsOf(scene, wish.trace)), ink.ink, 3)
  context.setLineDash([])
}

const seen = (size: Size, x: number, y: number): boolean =>
  x > -20 && y > -20 && x < size.width + 20 && y < size.height + 20

function paintBadges(
  context: Context,
  size: Size,
  view: View,
  { patches, wish: { selected, ink } }: Picture,
  labels: Labels,
): Target[] {
  const targets: Target[] = []
  const order = [...patches].sort(
    (a, b) =>
      Number(b.outage === selected) - Number(a.outage === selected) || b.customers - a.customers,
  )
  for (const { outage, state, customers, middle } of order.slice(0, BADGES_DRAWN_MAX)) {
    if (middle === undefined || outage === null) continue
    const x = middle.x * view.scale + view.shiftX
    const y = middle.y * view.scale + view.shiftY
    if (!seen(size, x, y)) continue
    badge(context, x, y, state, ink)
    targets.push({ x, y, reach: 14, is: { outage } })
    labels.take(x - 8, y - 8, 16, 16)
    if (customers > 0) labels.beside(String(customers), x, y, ink[state], '700 13px')
  }
  return targets
}

/** A limit that is passed is a solid square of its own colour with its words, on the map and on the one-line alike. */
function paintLimits(
  context: Context,
  size: Size,
  view: View,
  { scene, state, wish: { ink } }: Picture,
  labels: Labels,
): Target[] {
  const targets: Target[] = []
  for (const { nodes, words } of state?.limits ?? []) {
    const [a, b = a] = nodes
    if (a === undefined || b === undefined) continue
    const place = placeBetween(scene, a, b)
    const x = place.x * view.scale + view.shiftX
    const y = place.y * view.scale + view.shiftY
    if (!seen(size, x, y)) continue
    context.fillStyle = ink.panel
    context.fillRect(x - LIMIT_HALF_PX - 2, y - LIMIT_HALF_PX - 2, 16, 16)
    context.fillStyle = ink.ovl
    context.fillRect(x - LIMIT_HALF_PX, y - LIMIT_HALF_PX, LIMIT_HALF_PX * 2, LIMIT_HALF_PX * 2)
    labels.take(x - 8, y - 8, 16, 16)
    labels.beside(words, x, y, ink.ovl, '600 12px', 10)
    targets.push({ x, y, reach: 12, is: { node: b } })
  }
  return targets
}

function badge(context: Context, x: number, y: number, state: State, ink: Ink): void {
  const full = Math.PI * 2
  context.lineWidth = 2
  context.strokeStyle = ink[state]
  context.fillStyle = ink.panel
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
  context.fillStyle = ink[state]
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
function switchesInSight(size: Size, view: View, { scene, state, wish }: Picture): Drawn[] {
  const { switches } = scene.map
  const { device } = wish
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
  context: Context,
  drawn: readonly Drawn[],
  picture: Picture,
  labels: Labels,
): void {
  const { switches } = picture.scene.map
  const { ink } = picture.wish
  const odd = new Map(picture.state?.abnormal.map((each) => [each.switch, each.closedPhases]))
  const silent = new Set(picture.state?.silent)
  for (const { index, x, y, weight } of drawn) {
    const phases = switches.phases[index] as number
    const closed = odd.get(index) ?? switches.normal[index]
    const half = weight < 2 ? SWITCH_HALF_PX - 1 : SWITCH_HALF_PX
    context.setLineDash(silent.has(index) ? [2, 2] : [])
    context.lineWidth = weight === 3 ? 3 : 1.5
    context.strokeStyle = weight === 3 ? ink.ink : ink.net
    context.fillStyle = silent.has(index) || closed === 0 ? ink.panel : ink.net
    context.fillRect(x - half, y - half, half * 2, half * 2)
    // Some of its phases stand open: half of the square is filled.
    if (closed !== 0 && closed !== phases) {
      context.fillStyle = ink.panel
      context.fillRect(x, y - half, half, half * 2)
    }
    context.strokeRect(x - half, y - half, half * 2, half * 2)
    context.setLineDash([])
    if (drawn.length <= AVOIDED_MAX) labels.take(x - half, y - half, half * 2, half * 2)
    if (silent.has(index)) labels.write('?', x - 3, y, ink.ink, '700 11px', true)
  }
}

function nameSwitches(drawn: readonly Drawn[], picture: Picture, labels: Labels) {
  const { names, ids } = picture.scene.map.switches
  const { device, ink } = picture.wish
  // In a storm the names of all open fuses would hide what matters: only the one that was picked keeps its name.
  const many = drawn.filter(({ weight }) => weight === 3).length > NAMED_MAX
  for (const { index, x, y, weight } of drawn) {
    if (weight < 3 || (many && index !== device)) continue
    labels.beside(names[index] ?? ids[index] ?? '', x, y, ink.ink, '12px')
  }
}

function paintNames(
  context: Context,
  size: Size,
  view: View,
  { scene, wish: { ink } }: Picture,
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
      context.strokeStyle = ink.net
      context.fillStyle = ink.panel
      context.fillRect(x - 7, y - 6, 14, 12)
      context.strokeRect(x - 7, y - 6, 14, 12)
      labels.beside(substations.names[index] ?? '', x, y, ink.ink, '600 13px', 10)
    }
  }
  for (let index = 0; index < feeders.ids.length; index++) {
    const head = feeders.heads[index] as number
    if (head < 0) continue
    const node = switches.to[head] as number
    const x = (scene.x[node] as number) * view.scale + view.shiftX
    const y = (scene.y[node] as number) * view.scale + view.shiftY
    if (Number.isNaN(x) || !seen(size, x, y)) continue
    labels.corner(feeders.names[index] ?? '', x, y, ink.muted, '12px')
  }
}
