import { useState } from 'preact/hooks'
import { put } from '../api.ts'
import { figure } from './figures.ts'
import { Fold } from './fold.tsx'
import { useRead } from './reading.ts'
import { lastYearOf } from './report-data.ts'
import type { Question } from './question.ts'
import { w } from './words.ts'

type Answer = { readonly targets: Readonly<Record<string, number>> }
export type Targets = {
  readonly year: number
  readonly rulebook: string
  readonly of: Readonly<Record<string, number>>
  /** How much of the year the period is: only a figure that began with the year can be held against its target. */
  readonly span: 'year' | 'soFar' | 'part'
  set(targets: Readonly<Record<string, number>>): void
}

/** The targets of the year that a period lies in; null where it lies in several, or is about one place: targets are the system's. */
export function useTargets(of: Question): Targets | null {
  const year = lastYearOf(of)
  const { rulebook } = of
  const path = `/api/v1/targets?year=${year}&rulebook=${rulebook}`
  const read = useRead<Answer>(path)
  const [saved, setSaved] = useState<{ path: string; targets: Answer['targets'] } | null>(null)
  const whole = of.feeder === null && of.area === null && of.substation === null
  if (!whole || Number(of.from.slice(0, 4)) !== year || read.state !== 'known') return null
  const begins = of.from === `${year}-01-01`
  return {
    year,
    rulebook,
    of: saved?.path === path ? saved.targets : read.value.targets,
    span: !begins ? 'part' : of.to === `${year + 1}-01-01` ? 'year' : 'soFar',
    set: (targets) => setSaved({ path, targets }),
  }
}

/** Of availabilities more is better; of everything else less. */
const moreIsBetter = (symbol: string): boolean => /^(ASAI|ASCI|RS)/.test(symbol)

/** What stands below a figure: its target, and in words whether it is kept. */
export function TargetLine(parts: {
  symbol: string
  value: number | null
  unit: string
  targets: Targets | null
}) {
  const words = w.value
  const { symbol, value, unit, targets } = parts
  const target = targets?.of[symbol]
  if (targets === null || target === undefined) return null
  const more = moreIsBetter(symbol)
  const missed = value !== null && (more ? value < target : value > target)
  const verdict =
    value === null || targets.span === 'part'
      ? null
      : missed
        ? more
          ? words.targetBelow
          : words.targetAbove
        : targets.span === 'year'
          ? words.targetMet
          : words.targetWithin
  return (
    <span class="mute target">
      {words.targetIs(figure(target, 3, unit))}
      {verdict !== null && <b> · {verdict}</b>}
    </span>
  )
}

/** Where a planner sets the targets of a year. */
export function TargetForm(parts: {
  targets: Targets
  symbols: readonly string[]
  units: Readonly<Record<string, string>>
}) {
  const words = w.value
  const { targets, symbols, units } = parts
  const [said, setSaid] = useState('')
  const save = async (form: HTMLFormElement) => {
    const given = new FormData(form)
    const wanted = Object.fromEntries(
      symbols.map((symbol) => {
        const text = given.get(symbol)
        const value = typeof text === 'string' && text.trim() !== '' ? Number(text) : null
        return [symbol, value]
      }),
    )
    const { year, rulebook } = targets
    const answer = await put<Answer>('/api/v1/targets', { year, rulebook, targets: wanted })
    if (answer.ok) targets.set(answer.value.targets)
    setSaid(answer.ok ? words.targetsSaved : answer.problem.detail || answer.problem.title)
  }
  return (
    <div class="noprint">
      <Fold name="targets" says={words.targetsOf(targets.year)}>
        <form
          // What is being typed stays when the page learns something new; another year has other targets.
          key={`${targets.year} ${targets.rulebook}`}
          class="row targets"
          onSubmit={(event) => {
            event.preventDefault()
            void save(event.currentTarget)
          }}
        >
          {symbols.map((symbol) => (
            <label key={symbol}>
              {symbol}
              <input
                type="number"
                name={symbol}
                min="0"
                step="any"
                defaultValue={targets.of[symbol] ?? ''}
              />
              {units[symbol] === '1' ? '' : units[symbol]}
            </label>
          ))}
          <button type="submit" class="go">
            {words.targetsSave}
          </button>
          <span role="status">{said}</span>
        </form>
        <p class="mute">{words.targetsHow}</p>
      </Fold>
    </div>
  )
}
