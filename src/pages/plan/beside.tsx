import { amend, question, type Question } from './question.ts'
import { Columns } from './columns.tsx'
import { figure, whole } from './figures.ts'
import { Fold } from './fold.tsx'
import { Provisional } from './provisional.tsx'
import { useRead, valueOf } from './reading.ts'
import { FeederLink } from './tables.tsx'
import { Unread } from './unread.tsx'
import { w } from './words.ts'
import { wf } from './words-filed.ts'

type Yearly = Readonly<Record<'SAIFI' | 'SAIDI' | 'CAIDI' | 'ASAI' | 'ENS', number | null>>
type Predicted = {
  readonly units: Readonly<Record<string, string>>
  readonly notes: readonly string[]
  readonly rows: readonly {
    readonly group: string | null
    readonly customersServed: number | null
    readonly predicted: Yearly
    readonly recorded: Yearly
    readonly provisional: boolean
  }[]
}
export const WITHOUT = ['fuses', 'isolators', 'ties'] as const

/** What the failure data lead one to expect beside what happened; reckoned only where somebody looks. */
export const Beside = ({ of }: { of: Question }) => (
  <section>
    <h2>
      {wf.value.predicted} <span class="mute">{wf.value.predictedHow}</span>
    </h2>
    <Fold name="predicted" says={wf.value.predictedShow}>
      <Rows of={of} />
    </Fold>
  </section>
)

function Rows({ of }: { of: Question }) {
  const words = wf.value
  const { without } = question.value
  const says = new URLSearchParams({ from: of.from, to: of.to })
  if (without.length > 0) says.set('without', without.join(','))
  const system = useRead<Predicted>(`/api/v1/predicted?${says}`)
  const feeders = useRead<Predicted>(`/api/v1/predicted?${says}&by=feeder`)
  const units = valueOf(system)?.units ?? {}
  const rows = (valueOf(feeders)?.rows ?? [])
    .filter(({ group }) => of.feeder === null || group === of.feeder)
    .sort((a, b) => (b.recorded.SAIDI ?? -1) - (a.recorded.SAIDI ?? -1))
  const named = (name: string, what: string) => ({ n: `${name} ${what}, ${units[name] ?? ''}` })
  return (
    <>
      <fieldset class="row noprint">
        <legend class="vh">{words.without}</legend>
        <span class="mute" aria-hidden="true">
          {words.without}
        </span>
        {WITHOUT.map((each) => (
          <label key={each} class="row">
            <input
              type="checkbox"
              checked={without.includes(each)}
              onChange={(event) =>
                amend({
                  without: WITHOUT.filter((other) =>
                    other === each ? event.currentTarget.checked : without.includes(other),
                  ),
                })
              }
            />
            {words.equipment[each]}
          </label>
        ))}
      </fieldset>
      <Unread of={system} />
      {system.state === 'known' && <Unread of={feeders} />}
      {system.state === 'known' && (
        <table class="beside">
          <Columns
            of={[
              w.value.feeder,
              { n: w.value.customers },
              named('SAIFI', words.expected),
              named('SAIFI', words.recorded),
              named('SAIDI', words.expected),
              named('SAIDI', words.recorded),
            ]}
          />
          <tbody>
            {[...rows, ...(of.feeder === null ? system.value.rows : [])].map((row) => (
              <tr key={row.group} class={row.group === 'system' ? 'tot' : ''}>
                <th scope="row">
                  {row.group === 'system' ? w.value.total : <FeederLink feeder={row.group} />}{' '}
                  {row.provisional && <Provisional />}
                </th>
                <td class="n">{whole(row.customersServed)}</td>
                <td class="n">{figure(row.predicted.SAIFI)}</td>
                <td class="n">{figure(row.recorded.SAIFI)}</td>
                <td class="n">{figure(row.predicted.SAIDI)}</td>
                <td class="n">{figure(row.recorded.SAIDI)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {valueOf(system)?.notes.map((note) => (
        <p class="mute" lang="en" key={note}>
          {note}
        </p>
      ))}
    </>
  )
}
