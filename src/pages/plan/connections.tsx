import { useState } from 'preact/hooks'
import { send } from '../api.ts'
import { count, date, hhmm } from '../language.ts'
import { Columns } from './columns.tsx'
import { percent, UNKNOWN, whole } from './figures.ts'
import { Fold } from './fold.tsx'
import { today } from './question.ts'
import { useRead } from './reading.ts'
import { Unread } from './unread.tsx'
import { Form, ROWS, Text, wentWrong } from './upkeep-form.tsx'
import { w } from './words.ts'
import { wu } from './words-upkeep.ts'

type Connection = {
  readonly id: string
  readonly point: string
  readonly kw: number
  readonly year: number
  readonly coincidence: number
  readonly note: string | null
  readonly state: string
  readonly askedBy: string
}
type LoadAlarm = {
  readonly id: number
  readonly point: string
  readonly feeder: string | null
  readonly kind: string
  readonly from: string
  readonly until: string | null
  readonly peak: number
  readonly acknowledgedAt: string | null
  readonly acknowledgedBy: string | null
}

/** Where a connection may go from here; the service has the last word. */
const CONNECTION_NEXT: Readonly<Record<string, readonly string[]>> = {
  asked: ['approved', 'withdrawn'],
  approved: ['connected', 'withdrawn'],
}

/** Connections that wait, and new ones. */
export function Connections() {
  const words = wu.value
  const [version, setVersion] = useState(0)
  const [said, setSaid] = useState('')
  const asked = useRead<{ connections: readonly Connection[] }>(
    `/api/v1/connections?limit=${ROWS}`,
    version,
  )
  const go = async (id: string, state: string) => {
    const path = `/api/v1/connections/${encodeURIComponent(id)}/state`
    const why = wentWrong(await send(path, { state }))
    setSaid(why)
    if (why === '') setVersion(version + 1)
  }
  return (
    <section class="connections">
      <h2>
        {words.connections} <span class="mute">{words.connectionsHow}</span>
      </h2>
      <Unread of={asked} />
      {asked.state === 'known' && asked.value.connections.length === 0 && (
        <p>{words.noConnections}</p>
      )}
      {asked.state === 'known' && asked.value.connections.length > 0 && (
        <table>
          <Columns
            of={[
              words.connection,
              words.point,
              { n: w.value.load },
              { n: words.year },
              { n: words.coincidence },
              w.value.state,
              words.note,
              words.act,
            ]}
          />
          <tbody>
            {asked.value.connections.map((row) => (
              <tr key={row.id}>
                <th scope="row">{row.id}</th>
                <td>{row.point}</td>
                <td class="n">{whole(row.kw)}</td>
                <td class="n">{row.year}</td>
                <td class="n">{row.coincidence}</td>
                <td>{words.connectionStates[row.state] ?? row.state}</td>
                <td>{row.note ?? ''}</td>
                <td class="row noprint">
                  {(CONNECTION_NEXT[row.state] ?? []).map((state) => (
                    <button
                      type="button"
                      class="plain"
                      key={state}
                      onClick={() => void go(row.id, state)}
                    >
                      {words.connectionActs[state]}
                    </button>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {asked.state === 'known' && asked.value.connections.length === ROWS && (
        <p>{words.firstShown(ROWS)}</p>
      )}
      <p role="alert">{said}</p>
      <Fold name="newConnection" says={words.newConnection}>
        <Form
          path="/api/v1/connections"
          button={words.keep}
          onDone={() => setVersion(version + 1)}
          bodyOf={(text) => ({
            point: text('point'),
            kw: Number(text('kw')),
            year: Number(text('year')),
            coincidence: Number(text('coincidence')),
            note: text('note') === '' ? null : text('note'),
          })}
        >
          <Text label={words.point} name="point" />
          <Text label={w.value.load} name="kw" type="number" />
          <Text label={words.year} name="year" type="number" value={today().slice(0, 4)} />
          <Text label={words.coincidence} name="coincidence" type="number" value="1" />
          <Text label={words.note} name="note" required={false} size={30} />
        </Form>
      </Fold>
    </section>
  )
}

/** Loads that were too high, the latest first. */
export function LoadAlarms() {
  const words = wu.value
  const asked = useRead<{ alarms: readonly LoadAlarm[]; nextCursor: string | null }>(
    `/api/v1/load-alarms?state=all&limit=${ROWS}`,
  )
  const moment = (text: string) => `${date(Date.parse(text))} ${hhmm(Date.parse(text))}`
  return (
    <section class="load-alarms">
      <h2>
        {words.alarms} <span class="mute">{words.alarmsHow}</span>
      </h2>
      <Unread of={asked} />
      {asked.state === 'known' && asked.value.alarms.length === 0 && <p>{words.noAlarms}</p>}
      {asked.state === 'known' && asked.value.alarms.length > 0 && (
        <table>
          <Columns
            of={[
              words.point,
              w.value.feeder,
              words.kind,
              w.value.from,
              w.value.until,
              { n: words.peak },
              words.seen,
            ]}
          />
          <tbody>
            {asked.value.alarms.map((alarm) => (
              <tr key={alarm.id}>
                <th scope="row">{alarm.point}</th>
                <td>{alarm.feeder ?? UNKNOWN}</td>
                <td>{words.kinds[alarm.kind] ?? alarm.kind}</td>
                <td>{moment(alarm.from)}</td>
                <td>{alarm.until === null ? <b>{words.lasts}</b> : moment(alarm.until)}</td>
                <td class="n">{percent(alarm.peak, 1)}</td>
                <td>
                  {alarm.acknowledgedAt === null ? words.notSeen : moment(alarm.acknowledgedAt)}{' '}
                  <span class="mute">{alarm.acknowledgedBy}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {asked.state === 'known' && asked.value.nextCursor !== null && (
        <p>{words.lastShown(count(ROWS))}</p>
      )}
    </section>
  )
}
