import { useState } from 'preact/hooks'
import { send } from '../api.ts'
import { date } from '../language.ts'
import type { MyPoint } from './me.ts'
import { w } from './words.ts'

const SCORES = [1, 2, 3, 4, 5] as const
const WORDS_CHARS_MAX = 2_000

/** How it was, and what should have been better: both are answered by a person. */
export function Care({ point }: { point: MyPoint }) {
  const last = point.history.interruptions[0]
  return (
    <>
      {point.supply === 'on' && last !== undefined && (
        <Satisfaction point={point.id} outage={last.outage} />
      )}
      <Complaint point={point.id} outage={point.outage?.id ?? last?.outage} />
    </>
  )
}

function Satisfaction({ point, outage }: { point: string; outage: string }) {
  const words = w.value
  const [said, setSaid] = useState('')
  const rate = async (score: number) => {
    const answer = await send('/api/v1/me/satisfaction', { outage, servicePoint: point, score })
    setSaid(answer.ok ? words.rated : answer.problem.detail || words.noAnswer)
  }
  return (
    <section class="more noprint">
      <h2>{words.rate}</h2>
      <p class="sum" id="rate-how">
        {words.rateHow}
      </p>
      <div class="scores" role="group" aria-labelledby="rate-how">
        {SCORES.map((score) => (
          <button type="button" key={score} onClick={() => void rate(score)}>
            {score}
          </button>
        ))}
      </div>
      <p role="status">{said}</p>
    </section>
  )
}

function Complaint({ point, outage }: { point: string; outage: string | undefined }) {
  const words = w.value
  const [text, setText] = useState('')
  const [said, setSaid] = useState('')
  const complain = async () => {
    const body = { servicePoint: point, words: text.trim(), ...(outage && { outage }) }
    const answer = await send<{ dueAt?: string | null }>('/api/v1/me/complaints', body)
    if (!answer.ok) return setSaid(answer.problem.detail || words.noAnswer)
    setText('')
    const due = answer.value.dueAt
    setSaid(due ? words.complained(date(Date.parse(due))) : words.complainedNoDate)
  }
  return (
    <details class="more noprint">
      <summary>
        <h2>{words.complain}</h2>
      </summary>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (text.trim() !== '') void complain()
        }}
      >
        <label>
          {words.complainHow}
          <textarea
            rows={4}
            maxLength={WORDS_CHARS_MAX}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <button type="submit">{words.send}</button>
      </form>
      <p role="status">{said}</p>
    </details>
  )
}
