import { sayCount, type Masked, type Outages } from './outages.ts'
import { w } from './words.ts'

const WIDTH = 560
const HEIGHT = 440
const MARGIN = 70
const RADIUS = 16
/** A marker keeps its meaning when two areas lie on one another: it is moved this far down. */
const APART = RADIUS * 2 + 8

type Placed = {
  readonly x: number
  readonly y: number
  readonly name: string
  readonly out: Masked
}

/** Where the areas lie to one another. No wires, no devices, no outline: one mark an area, with its count. */
export function AreaMap({ outages }: { outages: Outages }) {
  const words = w.value
  const placed = place(outages)
  if (placed.length === 0) return null
  return (
    <section class="area-map" aria-label={words.map}>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={words.mapLabel}>
        {placed.map(({ x, y, name, out }) => (
          <g key={name}>
            <circle class="halo" cx={x} cy={y} r={RADIUS * 2.4} />
            <circle class="disc" cx={x} cy={y} r={RADIUS} />
            <text class="count" x={x} y={y + 4.5}>
              {typeof out === 'number' ? out : `<${out.max}`}
            </text>
            <text class="name" x={x} y={y + RADIUS * 2.4 + 14}>
              {name}
              <title>{sayCount(out)}</title>
            </text>
          </g>
        ))}
      </svg>
    </section>
  )
}

function place({ features }: Outages): Placed[] {
  const known = features.flatMap(({ geometry, properties }) =>
    geometry === null
      ? []
      : [
          {
            lon: geometry.coordinates[0],
            lat: geometry.coordinates[1],
            name: properties.area ?? w.value.elsewhere,
            out: properties.customersOut,
          },
        ],
  )
  const lons = known.map(({ lon }) => lon)
  const lats = known.map(({ lat }) => lat)
  const west = Math.min(...lons)
  const north = Math.max(...lats)
  const shorten = Math.cos((((north + Math.min(...lats)) / 2) * Math.PI) / 180)
  const width = (Math.max(...lons) - west) * shorten
  const height = north - Math.min(...lats)
  const scale = Math.min(
    (WIDTH - MARGIN * 2) / (width || Infinity),
    (HEIGHT - MARGIN * 2) / (height || Infinity),
  )
  const ratio = Number.isFinite(scale) && scale > 0 ? scale : 1
  const shiftX = (WIDTH - width * ratio) / 2
  const shiftY = (HEIGHT - height * ratio) / 2
  const placed: Placed[] = []
  for (const { lon, lat, name, out } of known) {
    const x = (lon - west) * shorten * ratio + shiftX
    let y = (north - lat) * ratio + shiftY
    while (placed.some((other) => Math.hypot(other.x - x, other.y - y) < APART)) y += APART
    placed.push({ x, y, name, out })
  }
  return placed
}
