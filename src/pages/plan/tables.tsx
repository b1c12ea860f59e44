import { causeWord } from '../causes.ts'
import { count, language } from '../language.ts'
import { figure, percent, whole } from './figures.ts'
import { Provisional } from './provisional.tsx'
import { addressOf, ask, question } from './question.ts'
import { valueOf } from './reading.ts'
import type { Reports } from './report-data.ts'
import { Save } from './save.tsx'
import { Unread } from './unread.tsx'
import { w } from './words.ts'

const SCALE = 100
/** Time, number and length of interruptions stand beside one another, whatever the rulebook calls them. */
const BESIDE = ['SAIDI', 'SAIFI', 'CAIDI', 'CML', 'CI', 'ASAI']
/** The ring's 100 % stands where the widest bar ends. */
const RING_SCALE = 94

/** The feeders that give most, with what they and all above them give together. */
export function Feeders({ shown, symbol }: { shown: Reports; symbol: string }) {
  const words = w.value
  const rows = [...(valueOf(shown.feeders)?.rows ?? [])]
    .filter(({ cmi, customersServed }) => cmi > 0 || customersServed !== null)
    .sort((a, b) => b.cmi - a.cmi)
  const total = rows.reduce((sum, { cmi }) => sum + cmi, 0)
  const largest = Math.max(1, ...rows.map(({ cmi }) => cmi))
  const percentOf = (share: number) => `${share * RING_SCALE}%`
  let running = 0
  const three = rows.slice(0, 3).reduce((sum, { cmi }) => sum + cmi, 0)
  if (shown.feeders.state !== 'known') {
    return (
      <section>
        <h2>{words.feeders}</h2>
        <Unread of={shown.feeders} />
      </section>
    )
  }
  if (total === 0) return null
  const known = Object.keys(rows[0]?.indices ?? {})
  const beside = BESIDE.flatMap((start) => known.find((name) => name.startsWith(start)) ?? [])
  const symbols = [symbol, ...beside]
    .filter((each, index, all) => all.indexOf(each) === index)
    .slice(0, 3)
  return (
    <section>
      <h2>
        {words.feeders}{' '}
        <span class="mute">
          {words.feedersFew(Math.min(3, rows.length), percent(three, total))}
        </span>
        <Save by="feeder" />
      </h2>
      <table class="feeders">
        <thead>
          <tr>
            <th scope="col" class="n" />
            <th scope="col">{words.feeder}</th>
            <th scope="col" class="n">
              {words.customers}
            </th>
            {symbols.map((each) => (
              <th scope="col" class="n" key={each}>
                {each}
              </th>
            ))}
            <th scope="col" class="n">
              {words.custMin}
            </th>
            <th scope="col" class="n">
              {words.share}
            </th>
            <th scope="col" class="par">
              {words.bar}
            </th>
            <th scope="col" class="n">
              {words.sum}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => {
            running += row.cmi
            return (
              <tr key={row.group} class={row.group === question.value.feeder ? 'sel' : ''}>
                <td class="n mute">{index + 1}</td>
                <th scope="row">
                  <FeederLink feeder={row.group} /> {row.provisional && <Provisional />}
                </th>
                <td class="n">{whole(row.customersServed)}</td>
                {symbols.map((each) => (
                  <td class="n" key={each}>
                    {figure(row.indices[each] ?? null)}
                  </td>
                ))}
                <td class="n">{count(Math.round(row.cmi))}</td>
                <td class="n">{percent(row.cmi, total)}</td>
                <td class="par">
                  <svg
                    viewBox={`0 0 ${SCALE + 6} 12`}
                    preserveAspectRatio="none"
                    aria-hidden="true"
                  >
                    <rect class="u" x="0" y="2" width={(row.cmi / largest) * SCALE} height="8" />
                  </svg>
                  <i class="ring" style={{ left: percentOf(running / total) }} />
                </td>
                <td class="n">{percent(running, total)}</td>
              </tr>
            )
          })}
          <tr class="tot">
            <td />
            <th scope="row">{words.total}</th>
            <td />
            {symbols.map((each) => (
              <td key={each} class="n">
                {figure(shown.system.rows[0]?.indices[each] ?? null)}
              </td>
            ))}
            <td class="n">{count(Math.round(total))}</td>
            <td class="n">100.0</td>
            <td />
            <td />
          </tr>
        </tbody>
      </table>
    </section>
  )
}

/** Leads to the feeder alone. */
export function FeederLink({ feeder }: { feeder: string | null }) {
  if (feeder === null) return <>{w.value.noName}</>
  const wanted = { ...question.value, feeder }
  return (
    <a
      href={addressOf(wanted)}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return
        event.preventDefault()
        ask({ feeder })
      }}
    >
      {feeder}
    </a>
  )
}

/** What it came from, in minutes of the same index that stands above: the parts make the whole. */
export function Causes({ shown, symbol }: { shown: Reports; symbol: string }) {
  const words = w.value
  const rows = [...(valueOf(shown.causes)?.rows ?? [])]
    .filter(({ cmi }) => cmi > 0)
    .sort((a, b) => b.cmi - a.cmi)
  if (shown.causes.state !== 'known') {
    return (
      <section>
        <h2>{words.causes}</h2>
        <Unread of={shown.causes} />
      </section>
    )
  }
  if (rows.length === 0) return null
  const total = rows.reduce((sum, { cmi }) => sum + cmi, 0)
  const largest = Math.max(1, ...rows.map(({ cmi }) => cmi))
  const unit = rows[0]?.units[symbol] ?? ''
  return (
    <section>
      <h2>
        {words.causes} <span class="mute">{words.ofIndex(symbol, unit)}</span> <Save by="cause" />
      </h2>
      <table class="causes">
        <thead>
          <tr>
            <th scope="col">{words.cause}</th>
            <th />
            <th scope="col" class="n">
              {unit}
            </th>
            <th scope="col" class="n">
              {words.custMin}
            </th>
            <th scope="col" class="n">
              {words.share}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.group}>
              <th scope="row">
                {row.group === null || row.group === ''
                  ? words.noName
                  : causeWord(row.group, language.value)}{' '}
                {row.provisional && <Provisional />}
              </th>
              <td class="hb">
                <svg viewBox={`0 0 ${SCALE} 10`} preserveAspectRatio="none" aria-hidden="true">
                  <rect
                    class={row.group === 'planned' ? 'p' : 'u'}
                    x="0"
                    y="0"
                    width={(row.cmi / largest) * SCALE}
                    height="10"
                  />
                </svg>
              </td>
              <td class="n">{figure(row.indices[symbol] ?? null)}</td>
              <td class="n">{count(Math.round(row.cmi))}</td>
              <td class="n">{percent(row.cmi, total)}</td>
            </tr>
          ))}
          <tr class="tot">
            <th scope="row">{words.total}</th>
            <td />
            <td class="n">{figure(shown.system.rows[0]?.indices[symbol] ?? null)}</td>
            <td class="n">{count(Math.round(total))}</td>
            <td class="n">100.0</td>
          </tr>
        </tbody>
      </table>
    </section>
  )
}
