import { MS_PER_MIN, MS_PER_S } from '../../time.ts'
import { choose, count, hhmmss, language } from '../language.ts'
import { StateWord } from '../marks.tsx'
import { now } from '../page-clock.ts'
import { theme, turnTheme } from '../theme.ts'
import {
  criticalOut,
  lifeSupportOut,
  list,
  listed,
  past,
  planned,
  unplanned,
  zone,
} from './board.ts'
import { calls, hasMoreCalls, unmatchedCalls } from './calls.ts'
import { helpOpen } from './desk.ts'
import { network, presentState } from './network.ts'
import { soundOn, turnSound } from './sound.ts'
import { openStorm } from './storm-act.tsx'
import { storms } from './storms.ts'
import { w } from './words.ts'

export const STALE_BOLD_MS = 30 * MS_PER_S
export const STALE_LINE_MS = 2 * MS_PER_MIN

/** `1 s`, `0:42`, `12:05`: how long ago, in the grain that matters. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / MS_PER_S))
  if (seconds < 60) return `${seconds} s`
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** Milliseconds since anything was heard from the field; null where nothing ever was. */
export function fieldAgeMs(): number | null {
  const heardAt = presentState.value?.fieldHeardAt
  return heardAt === null || heardAt === undefined ? null : now.value - Date.parse(heardAt)
}

/** How old the last word of the field is, and who is silent; on a phone it stays while the page moves. */
export function Feed() {
  const words = w.value
  const stale = presentState.value?.silent.length ?? 0
  const silent = presentState.value?.gateways.filter(({ online }) => !online).length ?? 0
  const fieldMs = fieldAgeMs()
  return (
    <span class="push feed" role="timer" aria-label={words.fieldData}>
      <span class="wide">{words.fieldData}</span>
      {fieldMs === null ? (
        <b>{words.neverHeard}</b>
      ) : (
        <>
          <span class={fieldMs > STALE_BOLD_MS ? 'aged' : ''}>{age(fieldMs)}</span>
          <span class="mute">{words.old}</span>
        </>
      )}
      {stale > 0 && <b>{words.stale(stale)}</b>}
      {silent > 0 && <b>{words.gaps(silent)}</b>}
    </span>
  )
}

export function TopBar() {
  const words = w.value
  const map = network.value
  return (
    <header class="top">
      <h1 class="vh">Relight</h1>
      {map !== null && map.substations.ids.length > 1 && (
        <label>
          <span class="vh">{words.zone}</span>
          <select value={zone.value} onChange={(event) => (zone.value = event.currentTarget.value)}>
            <option value="">{words.allZones}</option>
            {map.substations.ids.map((id, index) => (
              <option key={id} value={id}>
                {map.substations.names[index]}
              </option>
            ))}
          </select>
        </label>
      )}
      <Sum
        onClick={() => (list.value = 'active')}
        of={
          unplanned.value.outages > 0 ? (
            <StateWord of="out">{words.out}</StateWord>
          ) : (
            <span class="mute">{words.out}</span>
          )
        }
        customers={unplanned.value.customers}
        rest={words.inOutages(unplanned.value.outages)}
      />
      {planned.value.outages > 0 && (
        <Sum
          onClick={() => (list.value = 'planned')}
          of={<StateWord of="plan">{words.planned}</StateWord>}
          customers={planned.value.customers}
          rest={words.inOutages(planned.value.outages)}
        />
      )}
      <Sum
        onClick={() => (list.value = 'priority')}
        of={words.lifeSupport}
        customers={lifeSupportOut.value}
        rest={criticalOut.value > 0 ? `${words.critical} ${criticalOut.value}` : ''}
      />
      <Sum
        onClick={() => (list.value = 'noCrew')}
        of={words.lists.noCrew}
        customers={listed('noCrew').length}
        rest=""
      />
      {calls.value.length > 0 && (
        <span>
          {words.calls}{' '}
          <b>
            {count(calls.value.length)}
            {hasMoreCalls.value && '+'}
          </b>{' '}
          {unmatchedCalls.value.length > 0 && (
            <span class="mute">{words.unmatched(unmatchedCalls.value.length)}</span>
          )}
        </span>
      )}
      {map !== null && <span class="wide mute">{words.ofServed(count(map.customersServed))}</span>}
      <Feed />
      <span class="tools">
        <button type="button" aria-pressed={soundOn.value} onClick={turnSound}>
          {words.sound} {soundOn.value ? words.on : words.off}
        </button>
        <button type="button" aria-pressed={storms.value.length > 0} onClick={openStorm}>
          {words.storm.button} <kbd>g s</kbd>
        </button>
        <button type="button" onClick={turnTheme}>
          {words.theme[theme.value === 'dark' ? 'light' : 'dark']}
        </button>
        <button
          type="button"
          lang={language.value === 'en' ? 'zh-CN' : 'en'}
          onClick={() => choose(language.value === 'en' ? 'zh-CN' : 'en')}
        >
          {words.otherLanguage}
        </button>
        <button type="button" onClick={() => (helpOpen.value = !helpOpen.value)}>
          {words.keys} <kbd>?</kbd>
        </button>
      </span>
      <time class="clock">{hhmmss(past.value ?? now.value)}</time>
    </header>
  )
}

const Sum = (parts: {
  of: preact.ComponentChildren
  customers: number
  rest: string
  onClick: () => void
}) => (
  <button type="button" class="sum" onClick={parts.onClick}>
    <span>{parts.of}</span> <b>{count(parts.customers)}</b>{' '}
    {parts.rest !== '' && <span class="mute">{parts.rest}</span>}
  </button>
)
