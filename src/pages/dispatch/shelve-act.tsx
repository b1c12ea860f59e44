import { useState } from 'preact/hooks'
import { MS_PER_DAY } from '../../time.ts'
import { when } from '../language.ts'
import { pageTime } from '../page-clock.ts'
import { ActFrame, Field } from './act-frame.tsx'
import { shelve } from './alarm-words.ts'
import type { OpenAct } from './desk.ts'
import { parseMoment } from './moment.ts'
import { w } from './words.ts'

/** An alarm is put aside for a while and a reason, at every desk; then it shouts again. */
export function ShelveAct({ open }: { open: Extract<OpenAct, { kind: 'shelve' }> }) {
  const words = w.value.shelve
  const [text, setText] = useState('+60')
  const [reason, setReason] = useState('')
  const today = pageTime()
  const until = parseMoment(text, today)
  const refusal =
    until === null || until <= today || until > today + MS_PER_DAY
      ? words.untilBad
      : reason.trim() === ''
        ? words.reasonBad
        : null
  return (
    <ActFrame
      head={words.head(open.about)}
      after={() => Promise.resolve()}
      doing={{
        button: words.button,
        refusal,
        run: () => shelve(open.alarm, until ?? today, reason.trim()),
      }}
    >
      <p class="eff" role="status">
        {until === null ? ' ' : words.effect(when(until, today))}
      </p>
      <div class="fields">
        <Field label={words.until}>
          <input value={text} size={8} onInput={(event) => setText(event.currentTarget.value)} />
        </Field>
        <Field label={words.reason}>
          <input
            value={reason}
            size={36}
            maxLength={200}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </Field>
      </div>
    </ActFrame>
  )
}
