import { MS_PER_H } from '../../time.ts'
import { spell } from '../language.ts'
import { Columns } from './columns.tsx'
import { UNKNOWN, whole } from './figures.ts'
import type { Work } from './works-data.ts'
import { w } from './words.ts'
import { ww } from './words-works.ts'

/** What a work did to customers beside what they had been told, and how long it took beside how long it was to take. */
export function WorkAgainst({ work }: { work: Work }) {
  const words = ww.value
  const { against, actual } = work
  if (against === undefined || against === null) return null
  const { planned, extra, outsideTold, spared, outages } = against
  const row = (name: string, customers: number | null, minutes: number | null) => (
    <tr>
      <th scope="row">{name}</th>
      <td class="n">{whole(customers)}</td>
      <td class="n">{minutes === null ? UNKNOWN : whole(minutes)}</td>
    </tr>
  )
  return (
    <table class="against">
      <caption>
        {words.against}
        {actual !== null && (
          <span class="mute">
            {' · '}
            {words.took(spell(actual.tookH * MS_PER_H), spell(actual.plannedH * MS_PER_H))}
            {actual.overrunH > 0 && <>, {words.late(spell(actual.overrunH * MS_PER_H))}</>}
          </span>
        )}
      </caption>
      <Columns of={[w.value.work, { n: words.customers }, { n: words.customerMin }]} />
      <tbody>
        {row(words.told, planned.customers, planned.customerMinutes)}
        {row(words.interrupted, against.actual.customers, against.actual.customerMinutes)}
        {row(words.extra, extra.customers, extra.customerMinutes)}
        {row(words.early, null, outsideTold.early)}
        {row(words.overrun, null, outsideTold.overrun)}
        {row(words.spared, spared.customers, null)}
      </tbody>
      <tfoot>
        <tr>
          <td colSpan={3}>
            {outages.length === 0 ? words.noOutage : words.outages(outages.join(', '))}
          </td>
        </tr>
      </tfoot>
    </table>
  )
}
