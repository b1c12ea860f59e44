import { signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import { put, read } from '../api.ts'
import { choose, type Language } from '../language.ts'
import { w } from './words.ts'

/** `GET` and `PUT /api/v1/me/preferences`: how this person wants to be told. */
type Wishes = { readonly language: Language; readonly channels: readonly Channel[] }
type Channel = {
  readonly channel: 'email' | 'sms'
  readonly address: string
  readonly servicePoints: readonly string[]
  readonly kinds: readonly string[] | null
  readonly quietHours: { readonly from: string; readonly until: string } | null
}

const NIGHT = { from: '22:00', until: '07:00' }
const wishes = signal<Wishes | null>(null)
const said = signal('')

/** Asked only when somebody looks: the first answer does not wait for it. */
async function readWishes(): Promise<void> {
  const answer = await read<Wishes>('/api/v1/me/preferences')
  if (answer.ok) wishes.value = answer.value
}

async function save(change: Partial<{ language: Language; channels: readonly object[] }>) {
  const answer = await put<Wishes>('/api/v1/me/preferences', change)
  if (answer.ok) wishes.value = answer.value
  said.value = answer.ok ? w.value.saved : answer.problem.detail || w.value.noAnswer
}

export function Preferences() {
  const words = w.value
  const known = wishes.value
  return (
    <details
      class="more noprint"
      onToggle={(event) => {
        if (event.currentTarget.open && known === null) void readWishes()
      }}
    >
      <summary>
        <h2>{words.preferences}</h2>
      </summary>
      {known !== null && (
        <>
          <label class="line">
            {words.prefLanguage}{' '}
            <select
              value={known.language}
              onChange={(event) => {
                const language = event.currentTarget.value as Language
                choose(language)
                void save({ language })
              }}
            >
              <option value="en" lang="en">
                English
              </option>
              <option value="zh-CN" lang="zh-CN">
                中文
              </option>
            </select>
          </label>
          <p class="sum">{known.channels.length === 0 ? words.channelsNone : words.channels}</p>
          <ul>
            {known.channels.map((channel) => (
              <li key={channel.address} class="line">
                <span>
                  {words[channel.channel]} <b>{channel.address}</b>
                  {channel.quietHours !== null && (
                    <span class="mute">
                      , {words.quiet(channel.quietHours.from, channel.quietHours.until)}
                    </span>
                  )}
                </span>
                <button
                  type="button"
                  class="push"
                  aria-label={words.remove(channel.address)}
                  onClick={() =>
                    void save({ channels: known.channels.filter((other) => other !== channel) })
                  }
                >
                  ×
                </button>
              </li>
            ))}
          </ul>
          <NewChannel known={known} />
        </>
      )}
      <p role="status">{said.value}</p>
    </details>
  )
}

function NewChannel({ known }: { known: Wishes }) {
  const words = w.value
  const [address, setAddress] = useState('')
  const [night, setNight] = useState(false)
  const add = () => {
    const channel = address.includes('@') ? 'email' : 'sms'
    const quietHours = night ? NIGHT : null
    void save({ channels: [...known.channels, { channel, address: address.trim(), quietHours }] })
    setAddress('')
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (address.trim() !== '') add()
      }}
    >
      <label class="line">
        {words.address}
        <input
          value={address}
          autocomplete="email"
          onInput={(event) => setAddress(event.currentTarget.value)}
        />
      </label>
      <label class="line">
        <input
          type="checkbox"
          checked={night}
          onChange={(event) => setNight(event.currentTarget.checked)}
        />
        {words.night}
      </label>
      <button type="submit">{words.add}</button>
    </form>
  )
}
