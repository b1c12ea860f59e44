import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { send, type Answer } from '../api.ts'

/** Rows that these tables show; a table that is longer says so. */
export const ROWS = 200

/** Why something did not happen; the empty text where it did. */
export const wentWrong = (answer: Answer<unknown>): string =>
  answer.ok ? '' : answer.problem.detail || answer.problem.title

/** A form that posts what its fields say; a refusal stays until it is read. */
export function Form(parts: {
  path: string
  button: string
  bodyOf: (text: (name: string) => string) => unknown
  onDone: () => void
  children: ComponentChildren
}) {
  const [said, setSaid] = useState('')
  const post = async (form: HTMLFormElement) => {
    const given = new FormData(form)
    const text = (name: string) => {
      const value = given.get(name)
      return typeof value === 'string' ? value.trim() : ''
    }
    const why = wentWrong(await send(parts.path, parts.bodyOf(text)))
    setSaid(why)
    if (why !== '') return
    form.reset()
    parts.onDone()
  }
  return (
    <form
      class="row noprint upkeep"
      onSubmit={(event) => {
        event.preventDefault()
        void post(event.currentTarget)
      }}
    >
      {parts.children}
      <button type="submit" class="go">
        {parts.button}
      </button>
      <span role="alert">{said}</span>
    </form>
  )
}

export function Text(parts: {
  label: string
  name: string
  type?: 'text' | 'date' | 'number'
  value?: string
  size?: number
  required?: boolean
}) {
  const given = {
    name: parts.name,
    defaultValue: parts.value ?? '',
    required: parts.required ?? true,
  }
  return (
    <label>
      {parts.label}
      {parts.type === 'date' ? (
        <input type="date" {...given} />
      ) : parts.type === 'number' ? (
        <input type="number" step="any" {...given} />
      ) : (
        <input type="text" size={parts.size ?? 16} {...given} />
      )}
    </label>
  )
}
