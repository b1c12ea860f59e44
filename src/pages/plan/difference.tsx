import { count, language } from '../language.ts'
import { MS_PER_MIN } from '../../time.ts'
import { Columns } from './columns.tsx'
import { figure } from './figures.ts'
import { amend, question, RULEBOOKS, type Question } from './question.ts'
import { useRead } from './reading.ts'
import { Unread } from './unread.tsx'
import { w } from './words.ts'
import { wf } from './words-filed.ts'

type InBoth = { readonly en: string; readonly 'zh-CN': string }
type Change = {
  readonly interruptions: number
  readonly unitMs: number
  readonly saifi: number | null
  readonly saidiMin: number | null
}
type Side = { readonly rulebook: string; readonly name: InBoth; readonly headline: Change }
type Difference = {
  readonly a: Side
  readonly b: Side
  readonly parts: readonly {
    readonly rule: string
    readonly name: InBoth
    readonly a: InBoth
    readonly b: InBoth
    readonly change: Change
  }[]
  readonly difference: Change
}

/** Why another rulebook gives another figure for the same interruptions: one rule after the other, adding up to the difference. */
export function AgainstRulebook({ of }: { of: Question }) {
  const words = wf.value
  const { against } = question.value
  return (
    <section>
      <h2>
        {words.against}
        <label class="row noprint">
          <span class="vh">{words.otherRulebook}</span>
          <select
            value={against ?? ''}
            onChange={(event) => amend({ against: event.currentTarget.value || null })}
          >
            <option value="">{words.noOther}</option>
            {RULEBOOKS.filter(([id]) => id !== of.rulebook).map(([id, name]) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </h2>
      {against !== null && against !== of.rulebook && <Parts of={of} against={against} />}
    </section>
  )
}

function Parts({ of, against }: { of: Question; against: string }) {
  const words = wf.value
  const says = new URLSearchParams({ from: of.from, to: of.to, a: of.rulebook, b: against })
  if (of.exclude.length > 0) {
    says.set('excludeA', of.exclude.join(','))
    says.set('excludeB', of.exclude.join(','))
  }
  for (const place of ['feeder', 'substation', 'area'] as const) {
    const id = of[place]
    if (id !== null) says.set(place, id)
  }
  const asked = useRead<Difference>(`/api/v1/indices/difference?${says}`)
  if (asked.state !== 'known') return <Unread of={asked} />
  const { a, b, parts, difference } = asked.value
  const lang = language.value
  const cells = (figures: Change, signed: boolean) => (
    <>
      <td class="n">{sign(figures.saifi, signed)}</td>
      <td class="n">{sign(figures.saidiMin, signed)}</td>
      <td class="n">{count(Math.round(figures.unitMs / MS_PER_MIN))}</td>
    </>
  )
  return (
    <table class="difference">
      <Columns
        of={[
          words.rule,
          a.name[lang],
          b.name[lang],
          { n: 'SAIFI' },
          { n: 'SAIDI, min' },
          { n: w.value.custMin },
        ]}
      />
      <tbody>
        <tr class="tot">
          <th scope="row">{a.name[lang]}</th>
          <td colspan={2} />
          {cells(a.headline, false)}
        </tr>
        {parts.map((part) => (
          <tr key={part.rule}>
            <th scope="row">{part.name[lang]}</th>
            <td>{part.a[lang]}</td>
            <td>{part.b[lang]}</td>
            {cells(part.change, true)}
          </tr>
        ))}
        <tr class="tot">
          <th scope="row">{words.together}</th>
          <td colspan={2} />
          {cells(difference, true)}
        </tr>
        <tr class="tot">
          <th scope="row">{b.name[lang]}</th>
          <td colspan={2} />
          {cells(b.headline, false)}
        </tr>
      </tbody>
    </table>
  )
}

const sign = (value: number | null, signed: boolean): string =>
  `${signed && value !== null && value > 0 ? '+' : ''}${figure(value)}`
