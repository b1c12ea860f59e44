import { useState } from 'preact/hooks'
import { keep } from '../api.ts'
import { language } from '../language.ts'
import { queryOf, question } from './question.ts'
import { w } from './words.ts'

/** What the service files of the same question: a workbook, or a page to print and send. */
const FORMATS = ['xlsx', 'html', 'csv'] as const

/** Keeps the report behind a part of the page as a file. */
export function Save({ by }: { by: string }) {
  const words = w.value
  return (
    <SaveList
      path={`/api/v1/indices?${queryOf(question.value, { by })}`}
      name={by}
      says={words.parts[by] ?? by}
    />
  )
}

/** Keeps what a path answers, in the forms that the service gives it. */
export function SaveList(parts: { path: string; name: string; says: string }) {
  const words = w.value
  const [said, setSaid] = useState('')
  const save = async (format: (typeof FORMATS)[number]) => {
    const { rulebook, from, to } = question.value
    const path = `${parts.path}&format=${format}&language=${language.value}`
    setSaid(await keep(path, `relight-${rulebook}-${parts.name}-${from}-${to}.${format}`))
  }
  return (
    <span class="save noprint">
      {FORMATS.map((format) => (
        <button
          type="button"
          class="plain"
          key={format}
          aria-label={words.saveAs(parts.says, format.toUpperCase())}
          onClick={() => void save(format)}
        >
          {format.toUpperCase()}
        </button>
      ))}
      <span role="alert">{said}</span>
    </span>
  )
}
