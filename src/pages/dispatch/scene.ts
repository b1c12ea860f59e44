import type { NetworkMap } from './network.ts'

/** A network laid out for drawing: a place for each node, and its lines gathered in cells that can be skipped when out of sight. */
export type Scene = {
  readonly map: NetworkMap
  readonly kind: 'map' | 'oneLine'
  /** Place of each node in units of the drawing, y downwards; NaN where it has none. */
  readonly x: Float64Array
  readonly y: Float64Array
  readonly cells: readonly Cell[]
  /** Switches that normally stand open, drawn dashed: the ways that supply could take. */
  readonly ties: Pairs
  readonly bounds: Box
  /** Where each feeder lies in a one-line, by id; empty on a map. */
  readonly feederBoxes: ReadonlyMap<string, Box>
}
export type Box = {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}
/** Lines as pairs of nodes, one after another: 2i and 2i + 1 are the ends of line i. */
export type Pairs = ArrayLike<number>
export type Cell = { readonly box: Box; readonly trunk: Pairs; readonly fine: Pairs }

const CELLS_A_SIDE = 20
const MILLIONTHS = 1e-6
const SCREEN_RATIO = 1.2
const NOWHERE: Box = { left: 0, top: 0, right: 1, bottom: 1 }

export const hasPlaces = (map: NetworkMap): boolean => map.nodes.lon.some((lon) => lon !== null)

/** True to the ground: one unit is a degree of latitude, longitudes shortened as at the middle of the network. */
export function sceneOfPlaces(map: NetworkMap): Scene {
  const { lon, lat } = map.nodes
  const known = lat.filter((value) => value !== null)
  const middle = known.reduce((sum, value) => sum + value, 0) / Math.max(1, known.length)
  const shorten = Math.cos((middle * MILLIONTHS * Math.PI) / 180)
  const place = (values: readonly (number | null)[], factor: number) =>
    Float64Array.from(values, (value) => (value === null ? NaN : value * MILLIONTHS * factor))
  return {
    ...build(map, 'map', place(lon, shorten), place(lat, -1), walk(map)),
    feederBoxes: new Map(),
  }
}

/** The same network as a one-line: each feeder a row that runs right, its branches below it. */
export function sceneOfFeeders(map: NetworkMap): Scene {
  const tree = walk(map)
  const x = new Float64Array(map.nodes.lon.length).fill(NaN)
  const y = new Float64Array(map.nodes.lon.length).fill(NaN)
  const weight = new Float64Array(x.length).fill(1)
  for (let i = tree.order.length - 1; i >= 0; i--) {
    const node = tree.order[i] as number
    const up = tree.parent[node] as number
    if (up >= 0) weight[up] = (weight[up] as number) + (weight[node] as number)
  }
  const children = new Map<number, number[]>()
  const roots: number[] = []
  for (const node of tree.order) {
    const up = tree.parent[node] as number
    if (up < 0) roots.push(node)
    else {
      const siblings = children.get(up)
      if (siblings === undefined) children.set(up, [node])
      else siblings.push(node)
    }
  }
  let row = 0
  const rows = new Map<number, Rows>()
  for (const root of roots) {
    const first = row
    let right = 1
    x[root] = 0
    y[root] = row
    const open = [root]
    while (open.length > 0) {
      const node = open.pop() as number
      const below = (children.get(node) ?? []).sort(
        (a, b) => (weight[a] as number) - (weight[b] as number),
      )
      const own = Number.isNaN(y[node]) ? (y[node] = ++row) : (y[node] as number)
      const heaviest = below.at(-1)
      for (const child of below) {
        const bySwitch = tree.bySwitch[child] === 1
        x[child] = (x[node] as number) + (bySwitch ? 1.6 : below.length > 1 ? 1 : 0.5)
        right = Math.max(right, x[child])
        if (child === heaviest) y[child] = own
        open.push(child)
      }
    }
    rows.set(root, { first, last: row, right })
    row += 2
  }
  const stretch = stretchOf(rows.values())
  for (let node = 0; node < x.length; node++) x[node] = (x[node] as number) * stretch
  const feederBoxes = new Map<string, Box>()
  map.feeders.heads.forEach((head, feeder) => {
    const at = head < 0 ? undefined : rows.get(map.switches.to[head] as number)
    if (at === undefined) return
    feederBoxes.set(map.feeders.ids[feeder] as string, {
      left: 0,
      top: at.first,
      right: at.right * stretch,
      bottom: at.last,
    })
  })
  return { ...build(map, 'oneLine', x, y, tree), feederBoxes }
}

type Rows = { readonly first: number; readonly last: number; readonly right: number }

/** Ways are stretched until the middle one of the feeders has about the shape of a screen. */
function stretchOf(rows: Iterable<Rows>): number {
  const ratios = [...rows]
    .map(({ first, last, right }) => ((last - first + 1) * SCREEN_RATIO) / right)
    .sort((a, b) => a - b)
  return Math.max(0.2, ratios[Math.floor(ratios.length / 2)] ?? 1)
}

/** The lines of each part with the closed switches and transformers between them: without those a dark line would have grey gaps. */
export function pairsOfParts(
  { map, x }: Scene,
  parts: readonly (readonly number[])[],
  isClosed: (device: number) => boolean,
): Pairs[] {
  const { lines, switches, transformers } = map
  const partOfNode = new Int32Array(x.length).fill(-1)
  const pairs = parts.map((some, part) => {
    const ends: number[] = []
    for (const line of some) {
      const from = lines.from[line] as number
      const to = lines.to[line] as number
      partOfNode[from] = part
      partOfNode[to] = part
      ends.push(from, to)
    }
    return ends
  })
  switches.from.forEach((from, device) => {
    const to = switches.to[device] as number
    const part = partOfNode[from] as number
    if (part >= 0 && part === partOfNode[to] && isClosed(device)) pairs[part]?.push(from, to)
  })
  transformers.from.forEach((from, index) => {
    const to = transformers.to[index] as number
    const part = Math.max(partOfNode[from] as number, partOfNode[to] as number)
    if (part >= 0) pairs[part]?.push(from, to)
  })
  return pairs
}

/** Some lines as pairs of nodes. */
export function pairsOf({ map }: Scene, lines: readonly number[]): Pairs {
  const { from, to } = map.lines
  return lines.flatMap((line) => [from[line] as number, to[line] as number])
}

/** The middle of the line that lies nearest to the middle of them all: on the network, never beside it. */
export function middleOf(
  scene: Scene,
  lines: readonly number[],
): { x: number; y: number } | undefined {
  const { from, to } = scene.map.lines
  const points: { x: number; y: number }[] = []
  let sumX = 0
  let sumY = 0
  for (const line of lines) {
    const a = from[line] as number
    const b = to[line] as number
    const x = ((scene.x[a] as number) + (scene.x[b] as number)) / 2
    const y = ((scene.y[a] as number) + (scene.y[b] as number)) / 2
    if (Number.isNaN(x + y)) continue
    points.push({ x, y })
    sumX += x
    sumY += y
  }
  const middleX = sumX / points.length
  const middleY = sumY / points.length
  let best: { x: number; y: number } | undefined
  let bestApart = Infinity
  for (const point of points) {
    const apart = (point.x - middleX) ** 2 + (point.y - middleY) ** 2
    if (apart < bestApart) {
      bestApart = apart
      best = point
    }
  }
  return best
}

/** The place of a switch: between its nodes, or the one that has a place. */
export const switchPlace = (scene: Scene, device: number): { x: number; y: number } =>
  placeBetween(
    scene,
    scene.map.switches.from[device] as number,
    scene.map.switches.to[device] as number,
  )

/** The place of what joins two nodes. */
export function placeBetween(scene: Scene, a: number, b: number): { x: number; y: number } {
  const ax = scene.x[a] as number
  const bx = scene.x[b] as number
  const ay = scene.y[a] as number
  const by = scene.y[b] as number
  // In a one-line the far end of an open tie lies on another feeder: the switch is drawn where its own feeder ends.
  if (Number.isNaN(bx) || (scene.kind === 'oneLine' && ay !== by)) return { x: ax, y: ay }
  if (Number.isNaN(ax)) return { x: bx, y: by }
  return { x: (ax + bx) / 2, y: (ay + by) / 2 }
}

function build(
  map: NetworkMap,
  kind: Scene['kind'],
  x: Float64Array,
  y: Float64Array,
  tree: Tree,
): Omit<Scene, 'feederBoxes'> {
  const bounds = boundsOf(x, y)
  const width = bounds.right - bounds.left || 1
  const height = bounds.bottom - bounds.top || 1
  const made = new Map<number, { box: Box; trunk: number[]; fine: number[] }>()
  const add = (a: number, b: number, trunk: boolean) => {
    const ax = x[a] as number
    const ay = y[a] as number
    const bx = x[b] as number
    const by = y[b] as number
    if (Number.isNaN(ax + ay + bx + by)) return
    const column = Math.min(
      CELLS_A_SIDE - 1,
      Math.floor(((ax - bounds.left) / width) * CELLS_A_SIDE),
    )
    const row = Math.min(CELLS_A_SIDE - 1, Math.floor(((ay - bounds.top) / height) * CELLS_A_SIDE))
    const key = row * CELLS_A_SIDE + column
    let cell = made.get(key)
    if (cell === undefined) {
      cell = { box: { left: ax, top: ay, right: ax, bottom: ay }, trunk: [], fine: [] }
      made.set(key, cell)
    }
    cell.box = {
      left: Math.min(cell.box.left, ax, bx),
      top: Math.min(cell.box.top, ay, by),
      right: Math.max(cell.box.right, ax, bx),
      bottom: Math.max(cell.box.bottom, ay, by),
    }
    ;(trunk ? cell.trunk : cell.fine).push(a, b)
  }
  map.lines.from.forEach((a, line) => {
    const b = map.lines.to[line] as number
    const child = tree.parent[b] === a ? b : a
    add(a, b, tree.trunk[child] === 1)
  })
  map.switches.from.forEach((a, index) => {
    if (map.switches.normal[index] !== 0) add(a, map.switches.to[index] as number, true)
  })
  map.transformers.from.forEach((a, index) => add(a, map.transformers.to[index] as number, false))
  const ties = map.switches.from.flatMap((a, index) =>
    kind === 'map' && map.switches.normal[index] === 0 ? [a, map.switches.to[index] as number] : [],
  )
  return { map, kind, x, y, cells: [...made.values()], ties, bounds }
}

function boundsOf(x: Float64Array, y: Float64Array): Box {
  let left = Infinity
  let top = Infinity
  let right = -Infinity
  let bottom = -Infinity
  for (let node = 0; node < x.length; node++) {
    const px = x[node] as number
    const py = y[node] as number
    if (Number.isNaN(px + py)) continue
    if (px < left) left = px
    if (px > right) right = px
    if (py < top) top = py
    if (py > bottom) bottom = py
  }
  return left === Infinity ? NOWHERE : { left, top, right, bottom }
}

type Tree = {
  /** Nodes in the order of supply from the feeder heads under normal positions; the nodes of the heads come first. */
  readonly order: readonly number[]
  readonly parent: Int32Array
  /** 1 where the way from the parent leads through a switch. */
  readonly bySwitch: Uint8Array
  /** 1 where a switch that is no fuse lies at or behind the node: the way there is drawn as trunk. */
  readonly trunk: Uint8Array
}

/** Only for the looks of the drawing: which line is trunk, what hangs on what. Who has supply is for the service to say. */
function walk(map: NetworkMap): Tree {
  const nodeCount = map.nodes.lon.length
  const kinds = [map.switches, map.lines, map.transformers]
  const start = new Int32Array(nodeCount + 1)
  const each = (visit: (a: number, b: number, isSwitch: boolean) => void) => {
    kinds.forEach((branches, kind) => {
      branches.from.forEach((a, index) => {
        if (kind === 0 && map.switches.normal[index] === 0) return
        visit(a, branches.to[index] as number, kind === 0)
      })
    })
  }
  each((a, b) => {
    start[a + 1]!++
    start[b + 1]!++
  })
  for (let node = 0; node < nodeCount; node++) start[node + 1]! += start[node] as number
  const fill = start.slice()
  const other = new Int32Array(start[nodeCount] as number)
  const throughSwitch = new Uint8Array(other.length)
  each((a, b, isSwitch) => {
    const first = fill[a]!++
    other[first] = b
    const second = fill[b]!++
    other[second] = a
    if (isSwitch) throughSwitch[first] = throughSwitch[second] = 1
  })
  const parent = new Int32Array(nodeCount).fill(-1)
  const bySwitch = new Uint8Array(nodeCount)
  const trunk = new Uint8Array(nodeCount)
  const reached = new Uint8Array(nodeCount)
  const order: number[] = []
  const heads = map.feeders.heads.filter((head) => head >= 0)
  for (const head of heads) reached[map.switches.from[head] as number] = 1
  for (const head of heads) {
    const node = map.switches.to[head] as number
    if (reached[node] === 1) continue
    reached[node] = 1
    order.push(node)
  }
  for (let i = 0; i < order.length; i++) {
    const node = order[i] as number
    for (let edge = start[node] as number; edge < (start[node + 1] as number); edge++) {
      const next = other[edge] as number
      if (reached[next] === 1) continue
      reached[next] = 1
      parent[next] = node
      bySwitch[next] = throughSwitch[edge] as number
      order.push(next)
    }
  }
  map.switches.kinds.forEach((kind, index) => {
    if (kind === 'fuse') return
    trunk[map.switches.from[index] as number] = 1
    trunk[map.switches.to[index] as number] = 1
  })
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i] as number
    const up = parent[node] as number
    if (up >= 0 && trunk[node] === 1) trunk[up] = 1
  }
  return { order, parent, bySwitch, trunk }
}
