import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Answer } from '../api.ts'
import { leaveAct } from './desk.ts'
import { w } from './words.ts'

/** What an act panel needs to be able to do its act. `refusal` says why it cannot; the button is dashed until it is gone. */
export type Doing = {
  readonly button: string
  readonly refusal: string | null
  readonly run: () => Promise<Answer<unknown>>
}

/** The frame of every act: what it does stands first, `Ctrl+Enter` does it, and a failure stays until it is read. */
export function ActFrame(parts: {
  head: string
  children: ComponentChildren
  doing: Doing
  after: () => Promise<void>
}) {
  const words = w.value
  const frame = useRef<HTMLElement>(null)
  const [failure, setFailure] = useState<string | null>(null)
  const [sending, setSending] = useState(false)
  const { doing, after } = parts
  useLayoutEffect(() => {
    frame.current?.querySelector<HTMLElement>('input, select, textarea, button')?.focus()
  }, [])
  const run = async () => {
    if (doing.refusal !== null || sending) return
    setSending(true)
    setFailure(null)
    const answer = await doing.run()
    setSending(false)
    if (!answer.ok) {
      const { status, title, detail } = answer.problem
      const why = status === 0 ? words.act.noAnswer : detail || title
      setFailure(words.act.failed(doing.button, why))
      return
    }
    leaveAct()
    await after()
  }
  return (
    <section
      class="act"
      ref={frame}
      aria-label={parts.head}
      onKeyDown={(event) => {
        if (event.key !== 'Enter') return
        if (event.ctrlKey || event.metaKey) void run()
        // Enter alone never acts, and opens no list that would swallow the next key; on a button it may only step back.
        else if (
          event.target instanceof HTMLInputElement ||
          event.target instanceof HTMLSelectElement
        ) {
          event.preventDefault()
        }
      }}
    >
      <h2>
        {parts.head} <span class="mute">{words.act.notSent}</span>
      </h2>
      {parts.children}
      {failure !== null && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
      <div class="confirm">
        <span class="push" role="status">
          {doing.refusal}
        </span>
        <button type="button" onClick={leaveAct}>
          {words.act.notNow} <kbd>Esc</kbd>
        </button>
        <button
          type="button"
          class="go"
          aria-disabled={doing.refusal !== null || sending}
          onClick={() => void run()}
        >
          {sending ? words.act.sending : doing.button} <kbd>Ctrl ⏎</kbd>
        </button>
      </div>
    </section>
  )
}

export const Field = (parts: { label: string; children: ComponentChildren }) => (
  <label class="field">
    <span>{parts.label}</span>
    {parts.children}
  </label>
)
