import { useState } from 'preact/hooks'
import { read } from '../api.ts'
import { count } from '../language.ts'
import { Mark } from '../marks.tsx'
import { percent } from './figures.ts'
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
  readonly remains: { readonly kw: number; readonly customers: number } | null
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
      <thead>
        <tr>
          <th scope="col">{w.value.source}</th>
          <th scope="col" class="n">
            {words.units}
          </th>
          <th scope="col" class="n">
            {w.value.kva}
          </th>
          <th scope="col" class="n">
            {words.transfer}
          </th>
          <th scope="col" class="n">
            {words.firm}
          </th>
          <th scope="col">{words.n1}</th>
          <th scope="col" class="n">
            {words.shortBy}
          </th>
          <th scope="col" class="n">
            {words.remains}
          </th>
        </tr>
      </thead>
      <tbody>
        {stations.map((row) => (
          <tr key={row.substation}>
            <th scope="row">
              <PlaceLink id={row.substation} name={row.substation} />
            </th>
            <td class="n">{row.units}</td>
            <td class="n">{count(Math.round(row.loadKva))}</td>
            <td class="n">{count(Math.round(row.transferKva))}</td>
            <td class="n">{row.loss === null ? '—' : count(Math.round(row.loss.firmKva))}</td>
            <td>
              <Verdict passes={row.loss?.passes ?? null} />
            </td>
            <td class="n">{row.remains === null ? '—' : count(Math.round(row.remains.kw))}</td>
            <td class="n">{row.remains === null ? '—' : count(row.remains.customers)}</td>
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
      <thead>
        <tr>
          <th scope="col">{w.value.feeder}</th>
          <th scope="col">{words.ties}</th>
          <th scope="col" class="n">
            {words.sections}
          </th>
          <th scope="col" class="n">
            {words.share}
          </th>
          <th scope="col">{words.n1}</th>
          <th scope="col">{words.worst}</th>
          <th scope="col" class="n">
            {words.shortBy}
          </th>
          <th scope="col" class="n">
            {words.remains}
          </th>
        </tr>
      </thead>
      <tbody>
        {feeders.map((row) => (
          <tr key={row.feeder}>
            <th scope="row">
              <PlaceLink id={row.feeder} name={row.name} />
            </th>
            <td>{row.ties.length === 0 ? w.value.none : row.ties.join(', ')}</td>
            <td class="n">{row.sections}</td>
            <td class="n">
              {row.transferableShare === null ? '—' : percent(row.transferableShare, 1)}
            </td>
            <td>
              <Verdict passes={row.passes} />
            </td>
            <td>{row.worst?.section?.join(', ') ?? ''}</td>
            <td class="n">
              {row.worst !== null && !row.complete && `${words.bound} `}
              {row.worst === null ? '—' : count(Math.round(row.worst.remainsKw))}
            </td>
            <td class="n">{row.worst === null ? '—' : count(row.worst.remainsCustomers)}</td>
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
      <thead>
        <tr>
          <th scope="col">{words.worst}</th>
          <th scope="col" class="n">
            {words.lostKw}
          </th>
          <th scope="col" class="n">
            {words.healthyKw}
          </th>
          <th scope="col" class="n">
            {words.restored}
          </th>
          <th scope="col" class="n">
            {words.shortBy}
          </th>
          <th scope="col" class="n">
            {words.remains}
          </th>
          <th scope="col">{words.switching}</th>
        </tr>
      </thead>
      <tbody>
        {found.value.sections.map((row) => (
          <tr key={row.section?.join(' ') ?? ''}>
            <th scope="row">{row.section === null ? words.headLost : row.section.join(', ')}</th>
            <td class="n">{count(Math.round(row.lostKw))}</td>
            <td class="n">{count(Math.round(row.healthyKw))}</td>
            <td class="n">{count(Math.round(row.restoredKw))}</td>
            <td class="n">
              {!row.complete && `${words.bound} `}
              {count(Math.round(row.remainsKw))}
            </td>
            <td class="n">{count(row.remainsCustomers)}</td>
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
