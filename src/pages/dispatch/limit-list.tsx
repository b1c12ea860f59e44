import { useEffect } from 'preact/hooks'
import { count, hhmm, hoursMinutes } from '../language.ts'
import { LoadBar, Mark } from '../marks.tsx'
import { now } from '../page-clock.ts'
import { past } from './board.ts'
import { chooseLimit, chosenLimit, feederLoads, limits, type Limit } from './limits.ts'
import { w } from './words.ts'

/** What stands over a limit, and what every feeder carries: the list behind the violet squares. */
export function LimitList() {
  const words = w.value.limits
  const shown = limits.value
  return (
    <section class="agenda" tabIndex={0} aria-label={w.value.lists.limits}>
      {shown.length === 0 ? (
        <p class="empty">{words.none}</p>
      ) : (
        <table class="limits">
          <thead>
            <tr>
              {(['what', 'where', 'feeder', 'load', 'most', 'rated', 'start', 'dur'] as const).map(
                (name) => (
                  <th key={name} scope="col" class={NUMBERS.has(name) ? 'n' : ''}>
                    {words.col[name]}
                  </th>
                ),
              )}
            </tr>
          </thead>
          <tbody>
            {shown.map((limit) => (
              <Row key={limit.key} limit={limit} chosen={limit.key === chosenLimit.value} />
            ))}
          </tbody>
        </table>
      )}
      <Feeders />
    </section>
  )
}

const NUMBERS = new Set<string>(['most', 'rated', 'start', 'dur'])

function Row({ limit, chosen }: { limit: Limit; chosen: boolean }) {
  const words = w.value
  const percent = limit.rate === null ? null : Math.round(limit.rate * 100)
  const isOfRating = limit.kind !== 'unbalance' && limit.kind !== 'reverse'
  useEffect(() => {
    if (chosen) document.querySelector('.limits .sel')?.scrollIntoView({ block: 'nearest' })
  }, [chosen])
  return (
    <tr
      class={chosen ? 'sel' : ''}
      aria-current={chosen ? 'true' : undefined}
      onClick={() => chooseLimit(limit)}
    >
      <td class="nw clip">
        <span class="st c-ovl">
          <Mark of="ovl" />
          {limit.kind === 'parallel'
            ? words.limits.parallel
            : (words.alarm.loadKind[limit.kind] ?? limit.kind)}
        </span>
      </td>
      <td class="clip">
        <button type="button" class="plain" onClick={() => chooseLimit(limit)}>
          {limit.name}
        </button>
      </td>
      <td class="clip">{limit.feeder}</td>
      <td>{percent !== null && isOfRating && <LoadBar percent={percent} />}</td>
      <td class="n">{percent !== null && <b>{percent} %</b>}</td>
      <td class="n mute">{limit.ratedKva !== null && count(Math.round(limit.ratedKva))}</td>
      <td class="n nw">{hhmm(limit.sinceAt)}</td>
      <td class="n">{hoursMinutes((past.value ?? now.value) - limit.sinceAt)}</td>
    </tr>
  )
}

function Feeders() {
  const words = w.value.limits
  const known = feederLoads.value
  if (known === null) return null
  if (typeof known === 'string') return <p class="empty">{words.notRead(known)}</p>
  return (
    <>
      <h3 class="inside">{words.feedersHead}</h3>
      <table class="limits">
        <thead>
          <tr>
            {(['feeder', 'name', 'load', 'rate', 'kva', 'rated'] as const).map((name) => (
              <th key={name} scope="col" class={name === 'load' || LEFT.has(name) ? '' : 'n'}>
                {words.col[name]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {known.map(({ id, name, kva, ratedKva, rate }) => {
            const percent = rate === null ? null : Math.round(rate * 100)
            return (
              <tr key={id}>
                <td class="nw">{id}</td>
                <td class="clip">{name}</td>
                <td>{percent !== null && <LoadBar percent={percent} />}</td>
                <td class="n">
                  {percent === null ? (
                    <span class="mute">{words.noRating}</span>
                  ) : (
                    <b class={percent > 100 ? 'late' : ''}>{percent} %</b>
                  )}
                </td>
                <td class="n">{count(Math.round(kva))}</td>
                <td class="n mute">{ratedKva !== null && count(Math.round(ratedKva))}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </>
  )
}

const LEFT = new Set<string>(['feeder', 'name'])
