import { signal } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN } from '../../time.ts'
import { day, hhmm } from '../language.ts'
import { now, pageTime } from '../page-clock.ts'
import { past } from './board.ts'
import { dated, parseDated } from './moment.ts'
import { w } from './words.ts'

/** How far back the slider reaches; the field beside it takes any moment. */
const SPANS = {
  h48: 48 * MS_PER_H,
  d7: 7 * MS_PER_DAY,
  d30: 30 * MS_PER_DAY,
  d365: 365 * MS_PER_DAY,
} as const
type Span = keyof typeof SPANS
const span = signal<Span>('h48')

/** Any moment of the past: by the slider, by its keys minute by minute, or written down. */
export function PastSlider() {
  const words = w.value
  const at = past.value
  const minutesBack = at === null ? 0 : Math.round((now.value - at) / MS_PER_MIN)
  return (
    <div class="slider">
      <label>
        <span class="vh">{words.span}</span>
        <select
          value={span.value}
          onChange={(event) => (span.value = event.currentTarget.value as Span)}
        >
          {(Object.keys(SPANS) as Span[]).map((name) => (
            <option key={name} value={name}>
              {words.spans[name]}
            </option>
          ))}
        </select>
      </label>
      <input
        type="range"
        aria-label={words.moment}
        min={-SPANS[span.value] / MS_PER_MIN}
        max={0}
        step={1}
        value={-minutesBack}
        aria-valuetext={at === null ? words.nowMark : `${day(at)} ${hhmm(at)}`}
        onInput={(event) => {
          const back = -Number(event.currentTarget.value)
          past.value = back === 0 ? null : pageTime() - back * MS_PER_MIN
        }}
      />
      <MomentField />
    </div>
  )
}

/** The narrowest that reaches so far, not narrower than it is. */
const spanOf = (backMs: number): Span =>
  (Object.keys(SPANS) as Span[]).find(
    (name) => SPANS[name] >= Math.max(backMs, SPANS[span.peek()]),
  ) ?? 'd365'

function MomentField() {
  const words = w.value
  const at = past.value
  const shown = at === null ? '' : dated(at)
  const [text, setText] = useState(shown)
  const [isBad, setBad] = useState(false)
  const before = useRef(at)
  useEffect(() => {
    // Who types at once, before this ran the first time, keeps what was typed.
    if (before.current === at) return
    before.current = at
    setText(shown)
    setBad(false)
  }, [at])
  const take = () => {
    const wanted = text.trim() === '' ? null : parseDated(text, pageTime())
    setBad(text.trim() !== '' && wanted === null)
    if (text.trim() !== '' && wanted === null) return
    past.value = wanted
    if (wanted !== null) span.value = spanOf(pageTime() - wanted)
  }
  return (
    <>
      {isBad && <span role="alert">{words.momentBad}</span>}
      <input
        id="moment"
        type="text"
        size={16}
        aria-label={words.momentField}
        aria-invalid={isBad}
        placeholder={words.nowMark}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === 'Enter' && take()}
        onBlur={take}
      />
    </>
  )
}
