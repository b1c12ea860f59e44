import { NEAR, placeMarks, RADIUS } from './area-places.ts'
import { sayCount, sizeOf, type Masked, type Outages } from './outages.ts'
import { w } from './words.ts'

const WIDTH = 560
const HEIGHT = 440
const MARGIN = 70
const LETTER = 8
/** Han characters are as wide as they are high. */
const HAN_LETTER = 15

/** Where the areas lie to one another. No wires, no devices, no outline: one mark an area, with its count, none on another. */
export function AreaMap({ outages }: { outages: Outages }) {
  const words = w.value
  const marks = marksOf(outages)
  if (marks.length === 0) return null
  const placed = placeMarks(marks, { width: WIDTH, height: HEIGHT })
  const left = marks.length - placed.length
  return (
    <section class="area-map" aria-label={words.map}>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={words.mapLabel}>
        {placed.map(({ atX, atY, name }) => (
          <circle class="halo" key={name} cx={atX} cy={atY} r={RADIUS * 2.4} />
        ))}
        {placed
          .filter(({ x, y, atX, atY }) => Math.hypot(atX - x, atY - y) > NEAR)
          .map(({ x, y, atX, atY, name }) => (
            <path class="lead" key={name} d={`M${x} ${y}L${atX} ${atY}`} />
          ))}
        {placed.map(({ atX, atY, name, named, out }) => (
          <g key={name}>
            <title>{`${name}: ${sayCount(out)}`}</title>
            <circle class="disc" cx={atX} cy={atY} r={RADIUS} />
            <text class="count" x={atX} y={atY + 4.5}>
              {typeof out === 'number' ? out : `<${out.max}`}
            </text>
            {named && (
              <text class="name" x={atX} y={atY + RADIUS + 15}>
                {name}
              </text>
            )}
          </g>
        ))}
      </svg>
      {left > 0 && <p>{words.onlyListed(left)}</p>}
    </section>
  )
}

type Mark = { x: number; y: number; nameWidth: number; name: string; out: Masked }

/** The areas with most first: they get their own places. */
function marksOf({ features }: Outages): Mark[] {
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
  return known
    .sort((a, b) => sizeOf(b.out) - sizeOf(a.out))
    .map(({ lon, lat, name, out }) => ({
      x: (lon - west) * shorten * ratio + shiftX,
      y: (north - lat) * ratio + shiftY,
      nameWidth: widthOf(name),
      name,
      out,
    }))
}

function widthOf(name: string): number {
  let width = 0
  for (const letter of name) width += letter > '\u2e80' ? HAN_LETTER : LETTER
  return width
}
