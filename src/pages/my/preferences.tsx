import { useState } from 'preact/hooks'
import { put } from '../api.ts'
import { language, type Language } from '../language.ts'
import { me } from './me.ts'
import { w } from './words.ts'

/** PUT /api/v1/me/preferences. */
type Wishes = {
  readonly language: Language
  readonly planned: boolean
  readonly quietAtNight: boolean
}

/** In which words and when we tell; kept by the service, so it holds for messages that no page shows. */
export function Preferences() {
  const words = w.value
  const kept = (me.value as { preferences?: Wishes } | null)?.preferences
  const [wishes, setWishes] = useState<Wishes>(
    kept ?? { language: language.value, planned: true, quietAtNight: false },
  )
  const [said, setSaid] = useState('')
  if (kept === undefined) return null
  return (
    <section class="more noprint">
      <h2>{words.preferences}</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void put('/api/v1/me/preferences', wishes).then((answer) =>
            setSaid(answer.ok ? words.saved : answer.problem.detail || words.noAnswer),
          )
        }}
      >
        <label>
          {words.prefLanguage}{' '}
          <select
            value={wishes.language}
            onChange={(event) =>
              setWishes({ ...wishes, language: event.currentTarget.value as Language })
            }
          >
            <option value="en">English</option>
            <option value="zh-CN" lang="zh-CN">
              中文
            </option>
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            checked={wishes.planned}
            onChange={(event) => setWishes({ ...wishes, planned: event.currentTarget.checked })}
          />
          {words.prefPlanned}
        </label>
        <label>
          <input
            type="checkbox"
            checked={wishes.quietAtNight}
            onChange={(event) =>
              setWishes({ ...wishes, quietAtNight: event.currentTarget.checked })
            }
          />
          {words.prefNight}
        </label>
        <p>
          <button type="submit">{words.save}</button> <span role="status">{said}</span>
        </p>
      </form>
    </section>
  )
}
