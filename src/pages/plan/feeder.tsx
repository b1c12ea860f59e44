import { causeWord } from '../causes.ts'
import { count, date, hhmm, language } from '../language.ts'
import { Columns } from './columns.tsx'
import { PlaceLink } from './place-link.tsx'
import { Outlook } from './outlook.tsx'
import { useRead } from './reading.ts'
import type { Reports } from './report-data.ts'
import { w } from './words.ts'
import { wl } from './words-load.ts'

type Outage = {
  readonly id: string
  readonly kind: string
  readonly device: string | null
  readonly startedAt: string
  readonly restoredAt: string | null
  readonly customersInterrupted: number
  readonly customerMinutes: number
  readonly cause: string | null
}

const OUTAGES_SHOWN = 100

/** One feeder alone, below its own indices and months: the outages that make them, and its load. */
export function FeederPage({ shown, feeder }: { shown: Reports; feeder: string }) {
  const words = wl.value
  const { from, to } = shown.of
  const says = new URLSearchParams({
    state: 'all',
    feeder,
    from,
    to,
    limit: String(OUTAGES_SHOWN),
  })
  const outages = useRead<{ outages: readonly Outage[] }>(`/api/v1/outages?${says}`)
  return (
    <>
      <section>
        <h2>
          {words.outages}{' '}
          <span class="mute">
            {outages.state === 'known' &&
              outages.value.outages.length === OUTAGES_SHOWN &&
              words.moreOutages(OUTAGES_SHOWN)}
          </span>
        </h2>
        {outages.state === 'reading' && <p role="status">{w.value.reading}</p>}
        {outages.state === 'failed' && <p>{w.value.failed(outages.why)}</p>}
        {outages.state === 'known' && <Outages outages={outages.value.outages} />}
      </section>
      <section class="place">
        <h2>
          <PlaceLink id={feeder} name={words.look(feeder)} />
        </h2>
        <Outlook id={feeder} key={feeder} />
      </section>
    </>
  )
}

function Outages({ outages }: { outages: readonly Outage[] }) {
  const words = wl.value
  if (outages.length === 0) return <p>{words.outagesNone}</p>
  const when = (text: string) => `${date(Date.parse(text))} ${hhmm(Date.parse(text))}`
  return (
    <table class="outages">
      <Columns
        of={[
          words.started,
          words.restoredAt,
          words.device,
          words.cause,
          { n: words.customers },
          { n: words.customerMin },
        ]}
      />
      <tbody>
        {outages.map((outage) => (
          <tr key={outage.id} title={outage.id}>
            <th scope="row">{when(outage.startedAt)}</th>
            <td>{outage.restoredAt === null ? words.stillOut : when(outage.restoredAt)}</td>
            <td>{outage.device ?? '—'}</td>
            <td>
              {outage.kind === 'planned' && `${words.planned} `}
              {outage.cause === null ? '—' : causeWord(outage.cause, language.value)}
            </td>
            <td class="n">{count(outage.customersInterrupted)}</td>
            <td class="n">{count(Math.round(outage.customerMinutes))}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
