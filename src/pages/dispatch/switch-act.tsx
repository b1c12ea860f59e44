import { useEffect, useState } from 'preact/hooks'
import { read, send } from '../api.ts'
import { count, hhmm, hhmmss } from '../language.ts'
import { LoadBar, Mark } from '../marks.tsx'
import { pageTime } from '../page-clock.ts'
import { ActFrame, Field } from './act-frame.tsx'
import { readBoard } from './board.ts'
import { act, halo, type OpenAct } from './desk.ts'
import { deviceName, network, networkState, switchNamed, type SwitchEffect } from './network.ts'
import { guessWords } from './probable-words.ts'
import { w } from './words.ts'

type SwitchOpen = Extract<OpenAct, { kind: 'switch' }>

/** In a storm the network changes many times a second; the effect is worked out again no more often than this. */
const RENEWED_EVERY_MS = 3_000

/** Records where a switch stands, after showing who would be back and who would not. */
export function SwitchAct({ open }: { open: SwitchOpen }) {
  const words = w.value.act
  const [confirmed, setConfirmed] = useState(false)
  const [effect, setEffect] = useState<SwitchEffect | string | null>(null)
  const [askedAt, setAskedAt] = useState(pageTime())
  // What it would do is worked out again whenever the network has changed while the panel is open.
  const round = Math.floor(Date.parse(networkState.value?.at ?? '') / RENEWED_EVERY_MS)
  const known = switchNamed(open.switch) !== undefined
  const name = deviceName(open.switch) ?? open.switch
  useEffect(() => {
    let gone = false
    if (!known) return
    const id = encodeURIComponent(open.switch)
    void read<SwitchEffect>(`/api/v1/switches/${id}/effect?position=${open.position}`).then(
      (answer) => {
        if (gone) return
        setAskedAt(pageTime())
        setEffect(answer.ok ? answer.value : answer.problem.detail || answer.problem.title)
        if (answer.ok) halo.value = answer.value.lines
      },
    )
    return () => {
      gone = true
    }
  }, [open.switch, open.position, known, round])
  const isSince = open.since !== undefined && open.position === 'open'
  const verb = words.switchTo(open.position, name)
  return (
    <ActFrame
      head={known ? verb : words.switchHead}
      after={readBoard}
      doing={{
        button: `${words.record}: ${verb}`,
        refusal: known ? (confirmed ? null : words.confirmFirst) : words.switchBad(open.switch),
        run: () =>
          send(`/api/v1/switches/${encodeURIComponent(open.switch)}/position`, {
            position: open.position,
            at: new Date(isSince ? open.since : pageTime()).toISOString(),
            reason: 'manual',
          }),
      }}
    >
      <div class="fields">
        <Field label={words.switchField}>
          <input
            value={open.switch}
            list="switches"
            onChange={(event) =>
              (act.value = { ...open, switch: event.currentTarget.value.trim() })
            }
          />
        </Field>
        <SwitchNames />
        <div class="row" role="group">
          {(['closed', 'open'] as const).map((position) => (
            <button
              type="button"
              key={position}
              aria-pressed={open.position === position}
              onClick={() => (act.value = { ...open, position })}
            >
              {w.value.position[position]}
            </button>
          ))}
        </div>
      </div>
      {isSince && <p>{guessWords.value.asOf(hhmm(open.since))}</p>}
      {typeof effect === 'string' && (
        <p>
          {words.noEffect}: {effect}
        </p>
      )}
      {effect !== null && typeof effect !== 'string' && (
        <Effect effect={effect} name={name} askedAt={hhmmss(askedAt)} />
      )}
      <label class="tick">
        <input
          type="checkbox"
          checked={confirmed}
          onChange={(event) => setConfirmed(event.currentTarget.checked)}
        />
        {words.confirmField}
      </label>
    </ActFrame>
  )
}

function Effect(parts: { effect: SwitchEffect; name: string; askedAt: string }) {
  const words = w.value.act
  const { effect } = parts
  const wereOut = effect.customersRestored + effect.stillOut
  return (
    <div role="status">
      <p class="eff">
        {effect.customersRestored > 0
          ? words.restores(count(effect.customersRestored), count(wereOut))
          : effect.position === 'closed'
            ? words.restoresNone
            : ''}{' '}
        {effect.customersLost > 0 ? (
          <b>{words.loses(count(effect.customersLost))}</b>
        ) : (
          effect.position === 'open' && words.losesNone
        )}{' '}
        {effect.stillOut > 0 && words.stays(count(effect.stillOut))}
      </p>
      <ul class="checks">
        <li>
          <Mark of="ok" />
          {words.switchIs(parts.name, w.value.position[effect.now] ?? effect.now)}{' '}
          {words.asOf(parts.askedAt)}
        </li>
        {effect.lifeSupportLost > 0 && (
          <li>
            <Mark of="no" />
            <b>{words.lifeLost(effect.lifeSupportLost)}</b>
          </li>
        )}
        {effect.lifeSupportRestored > 0 && (
          <li>
            <Mark of="ok" />
            {words.lifeBack(effect.lifeSupportRestored)}
          </li>
        )}
        {effect.parallels.map(({ feeders }) => (
          <li key={feeders.join(' ')} class="c-ovl">
            <Mark of="ovl" />
            {words.parallel(feeders.map((feeder) => feeder ?? '?').join(', '))}
          </li>
        ))}
        {effect.limitsPassed.length > 0 && (
          <li class="c-ovl">
            <Mark of="ovl" />
            <b>{words.limits(effect.limitsPassed.map(({ branch }) => branch).join(', '))}</b>
          </li>
        )}
        {effect.feeders.length === 0 && (
          <li>
            <Mark of="stale" />
            {words.noLoads}
          </li>
        )}
      </ul>
      {effect.feeders.map((move) => (
        <LoadMove key={move.feeder} move={move} />
      ))}
      <p class="mute">{words.counter}</p>
    </div>
  )
}

/** What a feeder carries before and after, on the bar that every load stands on. */
function LoadMove({ move }: { move: SwitchEffect['feeders'][number] }) {
  const { feeder, beforeKva, afterKva, ratedKva } = move
  const percent = (kva: number) => (ratedKva === null ? null : Math.round((kva / ratedKva) * 100))
  const before = percent(beforeKva)
  const after = percent(afterKva)
  return (
    <div class="barrow">
      <span>{feeder}</span>
      {after === null ? <span /> : <LoadBar percent={after} />}
      <b class={after !== null && after > 100 ? 'late' : ''}>
        {before === null || after === null
          ? `${count(Math.round(beforeKva))} → ${count(Math.round(afterKva))} kVA`
          : `${before} % → ${after} %`}
      </b>
    </div>
  )
}

/** Offers as many as a list can hold; others are written by hand. */
const NAMES_OFFERED_MAX = 400
const SwitchNames = () => (
  <datalist id="switches">
    {(network.value?.switches.ids ?? []).slice(0, NAMES_OFFERED_MAX).map((id) => (
      <option key={id} value={id} />
    ))}
  </datalist>
)
