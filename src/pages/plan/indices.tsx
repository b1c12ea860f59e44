import { figure } from './figures.ts'
import { Fold } from './fold.tsx'
import { ask } from './question.ts'
import { valueOf } from './reading.ts'
import { Save } from './save.tsx'
import { TargetForm, TargetLine, useTargets } from './targets.tsx'
import type { Reports } from './report-data.ts'
import { w } from './words.ts'

/** What most reports are about stands in sight; the rest of a rulebook one step away. */
const FIRST = /^(SAIDI|SAIFI|CAIDI|ASAI|MAIFI-E|CEMI-3|CELID-s|CML|CI|TIEPI|NIEPI|RS)/
const FIRST_MAX = 8

/** Each index beside last year's; the one chosen is what the charts show. */
export function Indices({ shown, symbol }: { shown: Reports; symbol: string }) {
  const words = w.value
  const targets = useTargets(shown.of)
  const [row] = shown.system.rows
  if (row === undefined) return null
  const before = valueOf(shown.lastYear)?.rows[0]
  const past = (name: string) => (before?.ci === 0 ? null : (before?.indices[name] ?? null))
  const names = Object.keys(row.indices)
  const known = names.filter((name) => row.indices[name] !== null)
  const first = [...known.filter((name) => FIRST.test(name)), ...known]
    .filter((name, index, all) => all.indexOf(name) === index)
    .slice(0, FIRST_MAX)
  if (names.includes(symbol) && !first.includes(symbol)) first.push(symbol)
  const rest = names.filter((name) => !first.includes(name))
  const say = (name: string, value: number | null) => {
    const unit = row.units[name] ?? ''
    return (
      <>
        <b>{figure(value, 3, unit)}</b> {unit === '1' ? '' : unit}
      </>
    )
  }
  return (
    <>
      <ul class="ixs">
        {first.map((name) => (
          <li key={name}>
            <button
              type="button"
              class="ix"
              aria-pressed={name === symbol}
              onClick={() => ask({ index: name })}
            >
              <span class="name">{name}</span>
              <span class="v">{say(name, row.indices[name] ?? null)}</span>
              <TargetLine
                symbol={name}
                value={row.indices[name] ?? null}
                unit={row.units[name] ?? ''}
                targets={targets}
              />
              <span class="mute">
                {shown.lastYear.state === 'reading'
                  ? words.lastYearReading
                  : past(name) === null
                    ? words.lastYearNone
                    : words.lastYearIs(figure(past(name), 3, row.units[name]))}
              </span>
            </button>
          </li>
        ))}
      </ul>
      <p class="row noprint under">
        <Save by="system" />
      </p>
      {targets !== null && <TargetForm targets={targets} symbols={first} units={row.units} />}
      {rest.length > 0 && (
        <Fold name="others" says={words.others(rest.length)}>
          <table class="more">
            <thead>
              <tr>
                <th scope="col">{words.index}</th>
                <th scope="col" class="n">
                  {words.value}
                </th>
                <th scope="col" class="n">
                  {words.lastYear}
                </th>
              </tr>
            </thead>
            <tbody>
              {rest.map((name) => (
                <tr key={name}>
                  <th scope="row">
                    <button type="button" class="plain" onClick={() => ask({ index: name })}>
                      {name}
                    </button>
                  </th>
                  <td class="n">
                    {row.indices[name] === null
                      ? words.noDenominator
                      : say(name, row.indices[name] ?? null)}
                  </td>
                  <td class="n">{figure(past(name), 3, row.units[name])}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Fold>
      )}
    </>
  )
}
