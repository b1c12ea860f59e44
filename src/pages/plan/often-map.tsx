import { count } from '../language.ts'
import { Columns } from './columns.tsx'
import { figure, percent, whole } from './figures.ts'
import { Fold } from './fold.tsx'
import { queryOf } from './question.ts'
import { useRead, valueOf } from './reading.ts'
import type { Reports } from './report-data.ts'
import { FeederLink } from './tables.tsx'
import { Unread } from './unread.tsx'
import { w } from './words.ts'

type Count = { readonly customers: number; readonly ci: number; readonly repeated: number }
type Cell = Count & { readonly column: number; readonly row: number }
type Grid = {
  readonly lon: number
  readonly lat: number
  readonly lonStep: number
  readonly latStep: number
  readonly sideM: number
  readonly cells: readonly Cell[]
}
/** `GET /api/v1/interruption-map`. */
type Answer = {
  readonly grid: Grid | null
  readonly total: Count
  readonly unplaced: Count
  readonly places: readonly { readonly name: string; readonly lon: number; readonly lat: number }[]
  readonly worst: readonly {
    readonly loadPoint: string
    readonly feeder: string | null
    readonly customers: number
    readonly interruptions: number
  }[]
}

/** Interruptions a customer: a square is in the first class whose end it does not reach. */
const CLASS_ENDS = [Number.MIN_VALUE, 1, 2, 3, Infinity]
const classOf = ({ ci, customers }: Count): number =>
  CLASS_ENDS.findIndex((end) => (customers === 0 ? 0 : ci / customers) < end)

/** Where customers are interrupted how often: one hue from pale to dark, five classes with their counts, the load points behind. */
export function OftenMap({ shown }: { shown: Reports }) {
  const words = w.value
  const asked = useRead<Answer>(`/api/v1/interruption-map?${queryOf(shown.of)}`)
  const known = valueOf(asked)
  return (
    <section class="often">
      <h2>
        {words.often} <span class="mute">{known?.grid && words.squares(sizeOf(known.grid))}</span>
      </h2>
      <Unread of={asked} />
      {known !== null && known.grid === null && <p>{words.noPlace}</p>}
      {known?.grid != null && (
        <div class="two map">
          <Picture grid={known.grid} places={known.places} />
          <div>
            <Legend known={known} cells={known.grid.cells} />
            <Fold name="often" says={words.worstPoints}>
              <Worst known={known} />
            </Fold>
          </div>
        </div>
      )}
    </section>
  )
}

const sizeOf = ({ sideM }: Grid): string => (sideM >= 1000 ? `${sideM / 1000} km` : `${sideM} m`)

function Picture({ grid, places }: { grid: Grid; places: Answer['places'] }) {
  const words = w.value
  const columns = Math.max(...grid.cells.map(({ column }) => column)) + 1
  const rows = Math.max(...grid.cells.map(({ row }) => row)) + 1
  // North is up.
  const y = (row: number) => rows - 1 - row
  const placed = (lon: number, lat: number) =>
    `translate(${(lon - grid.lon) / grid.lonStep} ${rows - (lat - grid.lat) / grid.latStep})`
  return (
    <svg
      class="cells"
      viewBox={`-0.5 -0.5 ${columns + 1} ${rows + 1}`}
      role="img"
      aria-label={words.often}
    >
      {grid.cells.map((cell) => (
        <rect
          key={`${cell.column} ${cell.row}`}
          class={`k${classOf(cell)}`}
          x={cell.column}
          y={y(cell.row)}
          width={1}
          height={1}
        >
          <title>
            {words.cellSays(
              count(cell.customers),
              figure(cell.customers === 0 ? null : cell.ci / cell.customers, 2),
              count(Math.round(cell.repeated)),
            )}
          </title>
        </rect>
      ))}
      {places.map(({ name, lon, lat }) => (
        <g key={name} transform={placed(lon, lat)}>
          <title>{name}</title>
          <path class="mark-under" d="M-.5 0H.5M0-.5V.5" />
          <path class="mark-over" d="M-.5 0H.5M0-.5V.5" />
        </g>
      ))}
    </svg>
  )
}

function Legend({ known, cells }: { known: Answer; cells: readonly Cell[] }) {
  const words = w.value
  const { total, unplaced } = known
  const sums = CLASS_ENDS.map((_, index) => {
    const among = cells.filter((cell) => classOf(cell) === index)
    return {
      index,
      cells: among.length,
      customers: among.reduce((sum, { customers }) => sum + customers, 0),
    }
  })
  return (
    <table class="legend">
      <Columns
        of={[
          words.perCustomer,
          { n: words.squaresHead },
          { n: words.customers },
          { n: words.share },
        ]}
      />
      <tbody>
        {sums.map(({ index, cells: squares, customers }) => (
          <tr key={index}>
            <th scope="row">
              <svg class="cells sw" viewBox="0 0 1 1" aria-hidden="true">
                <rect class={`k${index}`} width="1" height="1" />
              </svg>{' '}
              {words.oftenClasses[index]}
            </th>
            <td class="n">{count(squares)}</td>
            <td class="n">{count(customers)}</td>
            <td class="n">{percent(customers, total.customers)}</td>
          </tr>
        ))}
        {unplaced.customers > 0 && (
          <tr>
            <th scope="row">{words.noPlaceRow}</th>
            <td />
            <td class="n">{count(unplaced.customers)}</td>
            <td class="n">{percent(unplaced.customers, total.customers)}</td>
          </tr>
        )}
        <tr class="tot">
          <th scope="row">{words.repeatedHead}</th>
          <td />
          <td class="n">{count(Math.round(total.repeated))}</td>
          <td class="n">{percent(total.repeated, total.customers)}</td>
        </tr>
      </tbody>
    </table>
  )
}

function Worst({ known }: { known: Answer }) {
  const words = w.value
  return (
    <table>
      <Columns
        of={[words.loadPoint, words.feeder, { n: words.customers }, { n: words.perCustomer }]}
      />
      <tbody>
        {known.worst.map((row) => (
          <tr key={row.loadPoint}>
            <th scope="row">{row.loadPoint}</th>
            <td>
              <FeederLink feeder={row.feeder} />
            </td>
            <td class="n">{whole(row.customers)}</td>
            <td class="n">{figure(row.interruptions, 2)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
