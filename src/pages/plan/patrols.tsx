import { date } from '../language.ts'
import { Fold } from './fold.tsx'
import { dayAfter, today } from './question.ts'
import { useRead, valueOf } from './reading.ts'
import { Form, ROWS, Text } from './upkeep-form.tsx'
import { ActButton, UpkeepTable, useActs } from './upkeep-table.tsx'
import { w } from './words.ts'
import { wu } from './words-upkeep.ts'

type Patrol = {
  readonly id: number
  readonly title: string
  readonly owner: string
  readonly assets: readonly string[]
  readonly dueOn: string
  readonly overdue: boolean
  readonly visits: readonly { readonly asset: string }[]
}
type Finding = {
  readonly id: number
  readonly asset: string
  readonly severity: string
  readonly says: string
  readonly owner: string
  readonly dueOn: string
  readonly state: string
  readonly overdue: boolean
  readonly work: string | null
  /** Where the picture is kept: an https address, or a name in a store of the utility. */
  readonly photo: string | null
}
/** Where a finding may go from here; the service has the last word. */
const FINDING_NEXT: Readonly<Record<string, readonly string[]>> = {
  open: ['inHand', 'fixed'],
  inHand: ['fixed', 'open'],
}

const Due = ({ on, overdue }: { on: string; overdue: boolean }) => (
  <>
    {date(Date.parse(`${on}T12:00:00Z`))} {overdue && <b>{wu.value.overdue}</b>}
  </>
)

/** A picture that anybody may open is a link; the name of one in a store is only told. */
function Photo({ at }: { at: string | null }) {
  if (at === null) return null
  if (!at.startsWith('https://')) return <span class="mute">{at}</span>
  return (
    <a href={at} target="_blank" rel="noreferrer noopener">
      {wu.value.photo}
    </a>
  )
}

/** Rounds that are open, where somebody still has to go, and new ones. */
export function Patrols() {
  const words = wu.value
  const { version, said, readAgain, act } = useActs()
  const asked = useRead<{ patrols: readonly Patrol[]; nextCursor: string | null }>(
    `/api/v1/patrols?limit=${ROWS}`,
    version,
  )
  const known = valueOf(asked)
  return (
    <section class="patrols">
      <h2>{words.patrols}</h2>
      <UpkeepTable
        asked={asked}
        columns={[words.round, words.owner, words.due, { n: words.visited }, words.left, words.act]}
        none={words.noPatrols}
        more={(known?.nextCursor ?? null) === null ? null : words.firstShown(ROWS)}
        rows={(known?.patrols ?? []).map((patrol) => {
          const seen = new Set(patrol.visits.map(({ asset }) => asset))
          const left = patrol.assets.filter((asset) => !seen.has(asset))
          const [next] = left
          const path = `/api/v1/patrols/${patrol.id}`
          return (
            <tr key={patrol.id}>
              <th scope="row">{patrol.title}</th>
              <td>{patrol.owner}</td>
              <td>
                <Due on={patrol.dueOn} overdue={patrol.overdue} />
              </td>
              <td class="n">
                {seen.size} / {patrol.assets.length}
              </td>
              <td>{left.length === 0 ? w.value.none : left.slice(0, 5).join(', ')}</td>
              <td class="row noprint">
                {next === undefined ? (
                  <ActButton says={words.finish} act={() => act(`${path}/finish`, {})} />
                ) : (
                  <ActButton
                    says={words.visit(next)}
                    act={() => act(`${path}/visits`, { asset: next })}
                  />
                )}
              </td>
            </tr>
          )
        })}
      />
      <p role="alert">{said}</p>
      <Fold name="newPatrol" says={words.newPatrol}>
        <Form
          path="/api/v1/patrols"
          button={words.keep}
          onDone={readAgain}
          bodyOf={(text) => ({
            title: text('title'),
            owner: text('owner'),
            dueOn: text('dueOn'),
            assets: text('assets')
              .split(/[\s,，]+/)
              .filter((each) => each !== ''),
          })}
        >
          <Text label={words.round} name="title" />
          <Text label={words.owner} name="owner" />
          <Text label={words.due} name="dueOn" type="date" value={dayAfter(today(), 14)} />
          <Text label={words.assets} name="assets" size={40} />
        </Form>
      </Fold>
    </section>
  )
}

/** What was found and is not mended yet. */
export function Findings() {
  const words = wu.value
  const { version, said, readAgain, act } = useActs()
  const asked = useRead<{ findings: readonly Finding[]; nextCursor: string | null }>(
    `/api/v1/findings?limit=${ROWS}`,
    version,
  )
  const known = valueOf(asked)
  return (
    <section class="findings">
      <h2>{words.findings}</h2>
      <UpkeepTable
        asked={asked}
        columns={[
          words.asset,
          words.severity,
          words.found,
          words.owner,
          words.due,
          w.value.state,
          words.act,
        ]}
        none={words.noFindings}
        more={(known?.nextCursor ?? null) === null ? null : words.firstShown(ROWS)}
        rows={(known?.findings ?? []).map((finding) => (
          <tr key={finding.id}>
            <th scope="row">{finding.asset}</th>
            <td>
              {finding.severity === 'critical' ? (
                <b>{words.severities[finding.severity]}</b>
              ) : (
                (words.severities[finding.severity] ?? finding.severity)
              )}
            </td>
            <td>
              {finding.says} <Photo at={finding.photo} />
            </td>
            <td>{finding.owner}</td>
            <td>
              <Due on={finding.dueOn} overdue={finding.overdue} />
            </td>
            <td>
              {words.findingStates[finding.state] ?? finding.state}{' '}
              {finding.work !== null && <span class="mute">{finding.work}</span>}
            </td>
            <td class="row noprint">
              {(FINDING_NEXT[finding.state] ?? []).map((state) => (
                <ActButton
                  key={state}
                  says={words.findingActs[state]}
                  act={() => act(`/api/v1/findings/${finding.id}/state`, { state })}
                />
              ))}
            </td>
          </tr>
        ))}
      />
      <p role="alert">{said}</p>
      <Fold name="newFinding" says={words.newFinding}>
        <Form
          path="/api/v1/findings"
          button={words.keep}
          onDone={readAgain}
          bodyOf={(text) => ({
            asset: text('asset'),
            severity: text('severity'),
            says: text('says'),
            owner: text('owner'),
            dueOn: text('dueOn'),
            photo: text('photo') === '' ? null : text('photo'),
          })}
        >
          <Text label={words.asset} name="asset" />
          <label>
            {words.severity}
            <select name="severity">
              {['minor', 'major', 'critical'].map((each) => (
                <option key={each} value={each}>
                  {words.severities[each]}
                </option>
              ))}
            </select>
          </label>
          <Text label={words.found} name="says" size={40} />
          <Text label={words.photoAt} name="photo" required={false} />
          <Text label={words.owner} name="owner" />
          <Text label={words.due} name="dueOn" type="date" value={dayAfter(today(), 30)} />
        </Form>
      </Fold>
    </section>
  )
}
