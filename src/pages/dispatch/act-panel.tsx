import { signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import { CAUSE_DETAILS, detailChoices } from '../../reliability/cause-detail.ts'
import type { EpochMs } from '../../time.ts'
import { send } from '../api.ts'
import { CAUSES, causeWord } from '../causes.ts'
import { count, hhmm, language } from '../language.ts'
import { pageTime } from '../page-clock.ts'
import { outageNamed, outages, readOutage } from './board.ts'
import { ActFrame, Field } from './act-frame.tsx'
import { act } from './desk.ts'
import { outageName } from './network.ts'
import type { Outage } from './outages.ts'
import { MergeForm, SplitForm } from './ruling-act.tsx'
import { ShelveAct } from './shelve-act.tsx'
import { StormAct } from './storm-act.tsx'
import { SwitchAct } from './switch-act.tsx'
import { parseMoment } from './moment.ts'
import { w } from './words.ts'

export function ActPanel() {
  const open = act.value
  if (open === null) return null
  if (open.kind === 'switch')
    return <SwitchAct key={`${open.switch} ${open.position}`} open={open} />
  if (open.kind === 'storm') return <StormAct key={`${open.does} ${open.area}`} open={open} />
  if (open.kind === 'shelve') return <ShelveAct key={open.alarm} open={open} />
  const outage = outageNamed(open.outage)
  if (outage === null) return null
  const Form = FORMS[open.kind]
  return <Form key={`${open.kind} ${open.outage}`} outage={outage} />
}

const path = (outage: Outage, what: string) =>
  `/api/v1/outages/${encodeURIComponent(outage.id)}/${what}`

const today = signal<EpochMs>(pageTime())

function EtrForm({ outage }: { outage: Outage }) {
  const words = w.value.act
  const [text, setText] = useState('')
  const [earliestText, setEarliest] = useState('')
  const [latestText, setLatest] = useState('')
  const [source, setSource] = useState<'crew' | 'dispatcher'>(
    outage.crew === null ? 'dispatcher' : 'crew',
  )
  today.value = pageTime()
  const at = parseMoment(text, today.value)
  const earliest = parseMoment(earliestText, today.value)
  const latest = parseMoment(latestText, today.value)
  const customers = count(outage.customersOut)
  const ordered =
    at !== null && (earliest === null || earliest <= at) && (latest === null || latest >= at)
  const refusal =
    at === null ||
    (earliestText !== '' && earliest === null) ||
    (latestText !== '' && latest === null)
      ? words.etrBad
      : at <= today.value
        ? words.etrPast
        : ordered
          ? null
          : words.etrOrder
  const iso = (moment: EpochMs | null) =>
    moment === null ? undefined : new Date(moment).toISOString()
  return (
    <ActFrame
      head={words.etrHead(outageName(outage))}
      after={() => readOutage(outage.id)}
      doing={{
        button: words.give,
        refusal,
        run: () =>
          send(path(outage, 'etr'), {
            at: iso(at),
            earliest: iso(earliest),
            latest: iso(latest),
            source,
          }),
      }}
    >
      <p class="eff" role="status">
        {at === null || refusal !== null
          ? ' '
          : earliest !== null && latest !== null
            ? words.etrRangeEffect(customers, hhmm(earliest), hhmm(latest), hhmm(at))
            : words.etrEffect(customers, hhmm(at))}
      </p>
      <div class="fields">
        <Field label={words.etrField}>
          <input value={text} size={8} onInput={(event) => setText(event.currentTarget.value)} />
        </Field>
        <Field label={words.etrEarliest}>
          <input
            value={earliestText}
            size={8}
            onInput={(event) => setEarliest(event.currentTarget.value)}
          />
        </Field>
        <Field label={words.etrLatest}>
          <input
            value={latestText}
            size={8}
            onInput={(event) => setLatest(event.currentTarget.value)}
          />
        </Field>
        <Field label={words.etrBy}>
          <select
            value={source}
            onChange={(event) => setSource(event.currentTarget.value as 'crew' | 'dispatcher')}
          >
            <option value="crew">{w.value.source['crew']}</option>
            <option value="dispatcher">{w.value.source['dispatcher']}</option>
          </select>
        </Field>
      </div>
      <p class="mute">
        {outage.etr === null ? words.etrNone : words.etrWas(hhmm(Date.parse(outage.etr.at)))}
      </p>
    </ActFrame>
  )
}

function CrewForm({ outage }: { outage: Outage }) {
  const words = w.value.act
  const states = w.value.crewState
  const [name, setName] = useState(outage.crew?.name ?? '')
  const [state, setState] = useState(outage.crew?.state ?? 'assigned')
  const trimmed = name.trim()
  const elsewhere = [...outages.value.values()]
    .filter(({ id, crew }) => id !== outage.id && crew?.name === trimmed && crew.state !== 'done')
    .map(outageName)
  const known = [...new Set([...outages.value.values()].flatMap(({ crew }) => crew?.name ?? []))]
  return (
    <ActFrame
      head={words.crewHead(outageName(outage))}
      after={() => readOutage(outage.id)}
      doing={{
        button: words.name,
        refusal: trimmed === '' ? words.crewBad : null,
        run: () => send(path(outage, 'crew'), { name: trimmed, state }),
      }}
    >
      <p class="eff" role="status">
        {trimmed === ''
          ? ' '
          : words.crewEffect(trimmed, states[state] ?? state, count(outage.customersOut))}
      </p>
      <div class="fields">
        <Field label={words.crewName}>
          <input
            value={name}
            list="crews"
            maxLength={60}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </Field>
        <datalist id="crews">
          {known.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
        <Field label={words.crewState}>
          <select value={state} onChange={(event) => setState(event.currentTarget.value)}>
            {Object.entries(states).map(([value, word]) => (
              <option key={value} value={value}>
                {word}
              </option>
            ))}
          </select>
        </Field>
      </div>
      {elsewhere.length > 0 && <p>{words.crewAlso(elsewhere.join(', '))}</p>}
    </ActFrame>
  )
}

function CauseForm({ outage }: { outage: Outage }) {
  const words = w.value.act
  const [cause, setCause] = useState(outage.cause ?? '')
  const [said, setSaid] = useState<Readonly<Record<string, string | null>>>(
    outage.causeDetail ?? {},
  )
  const choices = CAUSE_DETAILS.map((name) => ({
    name,
    options: detailChoices(name, cause === '' ? null : cause),
  }))
  // What is not below the cause that is chosen now is not sent with it.
  const detail = Object.fromEntries(
    choices.flatMap(({ name, options }) => {
      const code = said[name]
      return options.some(([option]) => option === code) ? [[name, code]] : []
    }),
  )
  return (
    <ActFrame
      head={words.causeHead(outageName(outage))}
      after={() => readOutage(outage.id)}
      doing={{
        button: words.set,
        refusal: cause === '' ? words.causeBad : null,
        run: () => send(path(outage, 'cause'), { cause, detail }),
      }}
    >
      <p class="eff" role="status">
        {cause === ''
          ? ' '
          : words.causeEffect(causeWord(cause, language.value), count(outage.customersOut))}
      </p>
      <div class="fields">
        <Field label={words.causeField}>
          <select value={cause} onChange={(event) => setCause(event.currentTarget.value)}>
            <option value="">…</option>
            {CAUSES.map((each) => (
              <option key={each} value={each}>
                {causeWord(each, language.value)}
              </option>
            ))}
          </select>
        </Field>
        {choices.map(
          ({ name, options }) =>
            options.length > 0 && (
              <Field key={name} label={words.causeDetail[name]}>
                <select
                  value={detail[name] ?? ''}
                  onChange={(event) => setSaid({ ...said, [name]: event.currentTarget.value })}
                >
                  <option value="">…</option>
                  {options.map(([code, names]) => (
                    <option key={code} value={code}>
                      {names[language.value]}
                    </option>
                  ))}
                </select>
              </Field>
            ),
        )}
      </div>
    </ActFrame>
  )
}

function NoteForm({ outage }: { outage: Outage }) {
  const words = w.value.act
  const [text, setText] = useState('')
  return (
    <ActFrame
      head={words.noteHead(outageName(outage))}
      after={() => readOutage(outage.id)}
      doing={{
        button: words.keep,
        refusal: text.trim() === '' ? words.noteBad : null,
        run: () => send(path(outage, 'note'), { text: text.trim() }),
      }}
    >
      <p class="mute">{words.noteEffect}</p>
      <Field label={words.noteField}>
        <textarea
          rows={3}
          maxLength={2000}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </Field>
    </ActFrame>
  )
}

function CloseForm({ outage }: { outage: Outage }) {
  const words = w.value.act
  const still = outage.customersOut > 0
  return (
    <ActFrame
      head={words.closeHead(outageName(outage))}
      after={() => readOutage(outage.id)}
      doing={{
        button: words.closeIt,
        refusal: still ? words.closeStill(count(outage.customersOut)) : null,
        run: () => send(path(outage, 'close'), {}),
      }}
    >
      <p class="eff">
        {still
          ? words.closeStill(count(outage.customersOut))
          : words.closeEffect(
              count(outage.customersInterrupted),
              count(Math.round(outage.customerMinutes)),
            )}
      </p>
      {outage.cause === null && <p>{words.closeNoCause}</p>}
    </ActFrame>
  )
}

const FORMS = {
  etr: EtrForm,
  crew: CrewForm,
  cause: CauseForm,
  note: NoteForm,
  close: CloseForm,
  merge: MergeForm,
  split: SplitForm,
}
