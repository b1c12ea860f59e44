import { count, date, hhmm } from '../language.ts'
import { percent, UNKNOWN, whole } from './figures.ts'
import { Fold } from './fold.tsx'
import { today } from './question.ts'
import { useRead, valueOf } from './reading.ts'
import { Form, ROWS, Text } from './upkeep-form.tsx'
import { ActButton, UpkeepTable, useActs } from './upkeep-table.tsx'
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
  const { version, said, readAgain, act } = useActs()
  const asked = useRead<{ connections: readonly Connection[] }>(
    `/api/v1/connections?limit=${ROWS}`,
    version,
  )
  const connections = valueOf(asked)?.connections ?? []
  return (
    <section class="connections">
      <h2>
        {words.connections} <span class="mute">{words.connectionsHow}</span>
      </h2>
      <UpkeepTable
        asked={asked}
        columns={[
          words.connection,
          words.point,
          { n: w.value.load },
          { n: words.year },
          { n: words.coincidence },
          w.value.state,
          words.note,
          words.act,
        ]}
        none={words.noConnections}
        more={connections.length === ROWS ? words.firstShown(ROWS) : null}
        rows={connections.map((row) => (
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
                <ActButton
                  key={state}
                  says={words.connectionActs[state]}
                  act={() =>
                    act(`/api/v1/connections/${encodeURIComponent(row.id)}/state`, { state })
                  }
                />
              ))}
            </td>
          </tr>
        ))}
      />
      <p role="alert">{said}</p>
      <Fold name="newConnection" says={words.newConnection}>
        <Form
          path="/api/v1/connections"
          button={words.keep}
          onDone={readAgain}
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
  const known = valueOf(asked)
  const moment = (text: string) => `${date(Date.parse(text))} ${hhmm(Date.parse(text))}`
  return (
    <section class="load-alarms">
      <h2>
        {words.alarms} <span class="mute">{words.alarmsHow}</span>
      </h2>
      <UpkeepTable
        asked={asked}
        columns={[
          words.point,
          w.value.feeder,
          words.kind,
          w.value.from,
          w.value.until,
          { n: words.peak },
          words.seen,
        ]}
        none={words.noAlarms}
        more={(known?.nextCursor ?? null) === null ? null : words.lastShown(count(ROWS))}
        rows={(known?.alarms ?? []).map((alarm) => (
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
      />
    </section>
  )
}
