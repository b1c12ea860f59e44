import { useState } from 'preact/hooks'
import { send } from '../api.ts'
import { count, date, hhmm, when } from '../language.ts'
import { now, pageTime } from '../page-clock.ts'
import { ActFrame, Field } from './act-frame.tsx'
import { past, readBoard } from './board.ts'
import { openAct, type OpenAct } from './desk.ts'
import { parseMoment } from './moment.ts'
import { reachOf, readStorms, stormAreas, stormOf, storms } from './storms.ts'
import { w } from './words.ts'

/** Storm mode is declared, estimated or ended here: whom it concerns and what they will read stands first. */
export function StormAct({ open }: { open: Extract<OpenAct, { kind: 'storm' }> }) {
  const words = w.value.storm
  const { does } = open
  const [area, setArea] = useState<string | null>(open.area)
  const [text, setText] = useState('')
  const [reason, setReason] = useState('')
  const today = pageTime()
  const at = parseMoment(text, today)
  const reach = reachOf(area)
  const place = area ?? words.everywhere
  const refusal =
    does === 'declare' && stormOf(area) !== null
      ? words.isDeclared(place)
      : does !== 'end' && text.trim() !== '' && at === null
        ? w.value.act.etrBad
        : at !== null && at <= today
          ? w.value.act.etrPast
          : null
  const said = reason.trim() === '' ? {} : { reason: reason.trim() }
  const etr = does === 'end' ? {} : { etr: at === null ? null : { at: new Date(at).toISOString() } }
  return (
    <ActFrame
      head={words.heads[does](place)}
      after={async () => {
        await Promise.all([readStorms(), readBoard()])
      }}
      doing={{
        button: words.buttons[does],
        refusal,
        run: () => send(`/api/v1/storms/${does}`, { area, ...etr, ...said }),
      }}
    >
      <p class="eff" role="status">
        {words.reach(count(reach.outages), count(reach.customers))}{' '}
        {does === 'end'
          ? words.endEffect
          : at === null
            ? words.noneEffect
            : words.etrEffect(when(at, today))}
      </p>
      <p>{does === 'end' ? words.endTells : words.estimates(reach.givingWay, reach.standing)}</p>
      <div class="fields">
        {does === 'declare' && (
          <Field label={words.where}>
            <select
              value={area ?? ''}
              onChange={(event) => setArea(event.currentTarget.value || null)}
            >
              <option value="">{words.everywhere}</option>
              {stormAreas.value.map((each) => (
                <option key={each} value={each}>
                  {each}
                </option>
              ))}
            </select>
          </Field>
        )}
        {does !== 'end' && (
          <Field label={words.etrField}>
            <input value={text} size={8} onInput={(event) => setText(event.currentTarget.value)} />
          </Field>
        )}
        <Field label={words.reason}>
          <input
            value={reason}
            size={28}
            maxLength={500}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </Field>
      </div>
      {at !== null && <p class="mute">{`${date(at)} ${hhmm(at)}`}</p>}
    </ActFrame>
  )
}

/** Crosses the page while storm mode is declared: where, since when, what everybody there is told. */
export function StormLines() {
  const words = w.value.storm
  if (past.value !== null) return null
  return (
    <>
      {storms.value.map((storm) => {
        const since = Date.parse(storm.declaredAt)
        const etr = storm.etr === null ? null : Date.parse(storm.etr.at)
        return (
          <p class="line storm" key={storm.id}>
            <b>{words.line(storm.area ?? words.everywhere)}</b>{' '}
            <span>
              {words.since(when(since, now.value), storm.declaredBy)}
              {storm.reason !== null && ` · ${storm.reason}`}
            </span>{' '}
            <b>
              {etr === null
                ? words.noEstimate
                : etr < now.value
                  ? words.estimatePassed(when(etr, now.value))
                  : words.estimate(when(etr, now.value))}
            </b>{' '}
            <button
              type="button"
              onClick={() => openAct({ kind: 'storm', does: 'estimate', area: storm.area })}
            >
              {words.buttons.estimate}
            </button>{' '}
            <button
              type="button"
              onClick={() => openAct({ kind: 'storm', does: 'end', area: storm.area })}
            >
              {words.buttons.end}
            </button>
          </p>
        )
      })}
    </>
  )
}

/** Opens the panel; nothing is declared by it. */
export const openStorm = (): void => openAct({ kind: 'storm', does: 'declare', area: null })
