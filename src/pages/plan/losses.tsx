import { useState } from 'preact/hooks'
import { read } from '../api.ts'
import { Mark } from '../marks.tsx'
import { percent, UNKNOWN, whole } from './figures.ts'
import { Columns } from './columns.tsx'
import { PlaceLink } from './place-link.tsx'
import { useRead } from './reading.ts'
import { w } from './words.ts'
import { wl } from './words-load.ts'

type StationLoss = {
  readonly substation: string
  readonly units: number
  readonly loadKva: number
  readonly transferKva: number
  readonly loss: { readonly firmKva: number; readonly passes: boolean } | null
  readonly remains: {
    readonly kw: number
    readonly customers: number
    readonly lifeSupport: number
    readonly critical: number
  } | null
}
type Section = {
  readonly section: readonly string[] | null
  readonly lostKw: number
  readonly lostCustomers: number
  readonly healthyKw: number
  readonly restoredKw: number
  readonly remainsKw: number
  readonly remainsCustomers: number
  readonly open: readonly string[]
  readonly close: readonly string[]
  readonly complete: boolean
}
type FeederSummary = {
  readonly feeder: string
  readonly name: string
  readonly ties: readonly string[]
  readonly passes: boolean
  readonly transferableShare: number | null
  readonly sections: number
  readonly worst: Section | null
  readonly complete: boolean
}
type FeederPage = { readonly feeders: readonly FeederSummary[]; readonly nextCursor: string | null }

/** What the loss of one transformer or one section leaves without supply, station by station and feeder by feeder. */
export function Losses({ at }: { at: string | null }) {
  const words = wl.value
  const moment = at === null ? '' : `?at=${encodeURIComponent(at)}`
  const stations = useRead<{ stations: readonly StationLoss[] }>(
    `/api/v1/balance/losses/transformers${moment}`,
  )
  const path = `/api/v1/balance/losses/feeders${moment}`
  const first = useRead<FeederPage>(path)
  const [more, setMore] = useState<{ path: string; pages: readonly FeederPage[] }>({
    path,
    pages: [],
  })
  const later = more.path === path ? more.pages : []
  const pages = first.state === 'known' ? [first.value, ...later] : []
  const next = pages.at(-1)?.nextCursor ?? null
  const readOn = async (): Promise<void> => {
    const answer = await read<FeederPage>(`${path}${moment === '' ? '?' : '&'}cursor=${next}`)
    if (answer.ok) setMore({ path, pages: [...later, answer.value] })
  }
  return (
    <section>
      <h2>
        {words.n1} <span class="mute">{words.lossHow}</span>
      </h2>
      {stations.state === 'known' && <Stations stations={stations.value.stations} />}
      {stations.state === 'failed' && <p>{w.value.failed(stations.why)}</p>}
      {first.state === 'reading' && <p role="status">{w.value.reading}</p>}
      {pages.length > 0 && <Feeders feeders={pages.flatMap((page) => page.feeders)} />}
      {next !== null && (
        <button type="button" class="noprint" onClick={() => void readOn()}>
          {words.more}
        </button>
      )}
    </section>
  )
}

function Stations({ stations }: { stations: readonly StationLoss[] }) {
  const words = wl.value
  return (
    <table class="n1">
      <caption>{words.n1Stations}</caption>
      <Columns
        of={[
          w.value.source,
          { n: words.units },
          { n: w.value.kva },
          { n: words.transfer },
          { n: words.firm },
          words.n1,
          { n: words.shortBy },
          { n: words.remains },
        ]}
      />
      <tbody>
        {stations.map((row) => (
          <tr key={row.substation}>
            <th scope="row">
              <PlaceLink id={row.substation} name={row.substation} />
            </th>
            <td class="n">{row.units}</td>
            <td class="n">{whole(row.loadKva)}</td>
            <td class="n">{whole(row.transferKva)}</td>
            <td class="n">{whole(row.loss?.firmKva ?? null)}</td>
            <td>
              <Verdict passes={row.loss?.passes ?? null} />
            </td>
            <td class="n">{whole(row.remains?.kw ?? null)}</td>
            <td class="n">
              {whole(row.remains?.customers ?? null)}
              {row.remains !== null && row.remains.lifeSupport + row.remains.critical > 0 && (
                <> ({w.value.priority(row.remains.lifeSupport + row.remains.critical)})</>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Verdict({ passes }: { passes: boolean | null }) {
  const words = wl.value
  if (passes === null) return <span class="mute">{words.unknownN1}</span>
  if (passes) return <>{words.passesN1}</>
  return (
    <b class="row">
      <Mark of="no" /> {words.failsN1}
    </b>
  )
}

function Feeders({ feeders }: { feeders: readonly FeederSummary[] }) {
  const words = wl.value
  return (
    <table class="n1">
      <caption>{words.n1Feeders}</caption>
      <Columns
        of={[
          w.value.feeder,
          words.ties,
          { n: words.sections },
          { n: words.share },
          words.n1,
          words.worst,
          { n: words.shortBy },
          { n: words.remains },
        ]}
      />
      <tbody>
        {feeders.map((row) => (
          <tr key={row.feeder}>
            <th scope="row">
              <PlaceLink id={row.feeder} name={row.name} />
            </th>
            <td>{row.ties.length === 0 ? w.value.none : row.ties.join(', ')}</td>
            <td class="n">{row.sections}</td>
            <td class="n">
              {row.transferableShare === null ? UNKNOWN : percent(row.transferableShare, 1)}
            </td>
            <td>
              <Verdict passes={row.passes} />
            </td>
            <td>
              {row.worst === null ? UNKNOWN : (row.worst.section?.join(', ') ?? words.headLost)}
            </td>
            <td class="n">
              {row.worst !== null && !row.complete && `${words.bound} `}
              {whole(row.worst?.remainsKw ?? null)}
            </td>
            <td class="n">{whole(row.worst?.remainsCustomers ?? null)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** Every section of one feeder, with the switching that brings most back. */
export function FeederLosses({ id, name, at }: { id: string; name: string; at: string | null }) {
  const words = wl.value
  const moment = at === null ? '' : `?at=${encodeURIComponent(at)}`
  const found = useRead<{ sections: readonly Section[] }>(
    `/api/v1/balance/feeders/${encodeURIComponent(id)}/loss${moment}`,
  )
  if (found.state === 'reading') return <p role="status">{w.value.reading}</p>
  if (found.state === 'failed') return <p>{w.value.failed(found.why)}</p>
  return (
    <table class="n1">
      <caption>{words.n1Feeder(name)}</caption>
      <Columns
        of={[
          words.worst,
          { n: words.lostKw },
          { n: words.healthyKw },
          { n: words.restored },
          { n: words.shortBy },
          { n: words.remains },
          words.switching,
        ]}
      />
      <tbody>
        {found.value.sections.map((row) => (
          <tr key={row.section?.join(' ') ?? ''}>
            <th scope="row">{row.section === null ? words.headLost : row.section.join(', ')}</th>
            <td class="n">{whole(row.lostKw)}</td>
            <td class="n">{whole(row.healthyKw)}</td>
            <td class="n">{whole(row.restoredKw)}</td>
            <td class="n">
              {!row.complete && `${words.bound} `}
              {whole(row.remainsKw)}
            </td>
            <td class="n">{whole(row.remainsCustomers)}</td>
            <td>
              {[
                ...(row.open.length > 0 ? [words.opens(row.open.join(', '))] : []),
                ...(row.close.length > 0 ? [words.closes(row.close.join(', '))] : []),
              ].join('; ')}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
