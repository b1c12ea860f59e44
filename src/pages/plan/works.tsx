import { useState } from 'preact/hooks'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN, toIso } from '../../time.ts'
import { send } from '../api.ts'
import { count, day, hhmm, instantOfClock, spell, zoneName } from '../language.ts'
import { Mark, type MarkName } from '../marks.tsx'
import { now } from '../page-clock.ts'
import { figure } from './figures.ts'
import { ask, question } from './question.ts'
import {
  actOnWork,
  NEXT_ACTS,
  readMoreWorks,
  readWorks,
  workChosen,
  workEffect,
  works,
  worksNext,
  worksProblem,
  worksSince,
  type Work,
  type WorkEffect,
} from './works-data.ts'
import { w } from './words.ts'
import { ww } from './words-works.ts'
import { WorkAgainst } from './work-against.tsx'

const DAYS_SHOWN = 14

export function Works() {
  const words = w.value
  const known = works.value
  if (known === null) {
    return (
      <p class="status" role="status">
        {worksProblem.value === '' ? words.reading : words.failed(worksProblem.value)}
      </p>
    )
  }
  const chosen = workChosen.value?.id === question.value.work ? workChosen.value : null
  return (
    <>
      <section>
        <h2>
          {words.views.works}
          <label class="push row noprint">
            {words.since}{' '}
            <input
              type="date"
              value={worksSince()}
              onChange={(event) =>
                event.currentTarget.value && ask({ since: event.currentTarget.value })
              }
            />
          </label>
        </h2>
        {known.length === 0 ? <p class="empty">{words.worksEmpty}</p> : <Calendar works={known} />}
        {worksNext.value !== null && (
          <p class="row">
            <b>{words.worksShown(known.length)}</b>
            <button type="button" class="noprint" onClick={() => void readMoreWorks()}>
              {words.worksMore}
            </button>
          </p>
        )}
      </section>
      {chosen !== null && <Gate key={chosen.id} work={chosen} />}
      <NewWork />
    </>
  )
}

/** The next two weeks, a row a work; what is over or later stands in the same list without a bar. */
function Calendar({ works: all }: { works: readonly Work[] }) {
  const words = w.value
  const firstAt = startOfDay(now.value)
  const days = Array.from({ length: DAYS_SHOWN }, (_, index) => firstAt + index * MS_PER_DAY)
  return (
    <table class="cal">
      <thead>
        <tr>
          <th scope="col">{words.work}</th>
          {days.map((at, index) => (
            <th scope="col" key={at} class={index === 0 ? 'cd today' : 'cd'}>
              {day(at)}
            </th>
          ))}
          <th scope="col">{words.state}</th>
        </tr>
      </thead>
      <tbody>
        {all.map((work) => {
          const from = Date.parse(work.window.from)
          const until = Date.parse(work.window.until)
          return (
            <tr key={work.id} class={work.id === question.value.work ? 'sel' : ''}>
              <th scope="row">
                <button type="button" class="plain" onClick={() => ask({ work: work.id })}>
                  {work.id}
                </button>{' '}
                {work.title}
              </th>
              {days.map((at) => (
                <td key={at} class="cc">
                  {from < at + MS_PER_DAY && until > at && (
                    <span class={`cw ${work.state} ${work.method}`}>
                      {hhmm(Math.max(from, at))}–{hhmm(Math.min(until, at + MS_PER_DAY))}
                    </span>
                  )}
                </td>
              ))}
              <td class="nw">
                <b>{words.states[work.state] ?? work.state}</b>{' '}
                {work.changedSinceApproval !== null && (
                  <span class="c-out">
                    <Mark of="no" /> {ww.value.changedSince}
                  </span>
                )}{' '}
                {(until <= firstAt || from >= firstAt + DAYS_SHOWN * MS_PER_DAY) && (
                  <span class="mute">{day(from)}</span>
                )}
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

/** Midnight by the utility's clock. */
function startOfDay(at: number): number {
  const [hours, minutes] = hhmm(at).split(':').map(Number)
  const minute = Math.floor(at / MS_PER_MIN) * MS_PER_MIN
  return minute - (hours ?? 0) * MS_PER_H - (minutes ?? 0) * MS_PER_MIN
}

/** What it does, what stands in its way, what else could be done, and the acts that it allows. */
function Gate({ work }: { work: Work }) {
  const words = w.value
  const [said, setSaid] = useState('')
  const effect = workEffect.value?.work === work.id ? workEffect.value : null
  const from = Date.parse(work.window.from)
  const until = Date.parse(work.window.until)
  const blocked = (act: string) => act === 'approve' && (effect?.conflicts.length ?? 0) > 0
  return (
    <section class="gate">
      <h2>
        {work.id}{' '}
        <span class="mute">
          {work.title} · {day(from)} {hhmm(from)}–{hhmm(until)} · {words.states[work.state]} ·{' '}
          {words.methods[work.method] ?? work.method} · {words.responsible} {work.responsible}
        </span>
      </h2>
      {effect === null ? (
        <p class="status">{words.reading}</p>
      ) : (
        <>
          <p>
            <b>
              {effect.customersInterrupted === 0
                ? words.effectNone
                : words.effect(
                    count(effect.customersInterrupted),
                    count(Math.round(effect.customerMinutes)),
                  )}
            </b>
            {effect.indices !== null && effect.indices.saidiMin > 0 && (
              <>, {words.effectIndices(figure(effect.indices.saidiMin))}</>
            )}
          </p>
          <ul class="checks">
            {[...approvalChecksOf(effect), ...checksOf(effect)].map(([mark, says]) => (
              <li key={says}>
                <Mark of={mark} />
                {says}
              </li>
            ))}
          </ul>
          {effect.alternatives.length > 0 && (
            <table class="more">
              <thead>
                <tr>
                  <th scope="col">{words.alternative}</th>
                  <th scope="col" class="n">
                    {words.saves}
                  </th>
                </tr>
              </thead>
              <tbody>
                {effect.alternatives.map((each) => (
                  <tr key={each.says}>
                    <td lang="en">{each.says}</td>
                    <td class="n">{count(Math.round(each.savesCustomerMinutes))}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </>
      )}
      <WorkAgainst work={work} />
      <div class="acts row noprint">
        {(NEXT_ACTS[work.state] ?? []).map((act, index) => (
          <span key={act} class="row">
            <button
              type="button"
              class={index === 0 ? 'go' : ''}
              aria-disabled={blocked(act)}
              onClick={() => {
                if (!blocked(act)) void actOnWork(work.id, act).then(setSaid)
              }}
            >
              {words.acts[act]}
            </button>
            <span class="mute">{blocked(act) ? words.blocked : words.actTells[act]}</span>
          </span>
        ))}
      </div>
      <p role="alert">{said}</p>
      <details>
        <summary>{words.history}</summary>
        <ul>
          {work.history.map((event) => (
            <li key={`${event.at} ${event.act}`}>
              {day(Date.parse(event.at))} {hhmm(Date.parse(event.at))} {event.act} · {event.by}
            </li>
          ))}
        </ul>
      </details>
    </section>
  )
}

/** A plan that was approved once is another one now: what customers still believe, and what approving would tell them. */
function approvalChecksOf({
  changedSinceApproval,
  approvalTells,
}: WorkEffect): [MarkName, string][] {
  const words = ww.value
  if (changedSinceApproval === null) return []
  const { changedAt, changedBy, told } = changedSinceApproval
  const when = (at: string) => `${day(Date.parse(at))} ${hhmm(Date.parse(at))}`
  const { announced, changed, cancelled } = approvalTells
  return [
    ['no', words.changedBy(changedBy, when(changedAt))],
    told === null
      ? ['no', words.toldNothing]
      : ['no', words.toldStill(when(told.from), hhmm(Date.parse(told.until)))],
    ['stale', words.approvalTells(count(announced), count(changed), count(cancelled))],
  ]
}

function checksOf(effect: WorkEffect): [MarkName, string][] {
  const words = w.value
  const deadlineAt = Date.parse(effect.notice.deadlineAt)
  const deadline = `${day(deadlineAt)} ${hhmm(deadlineAt)}`
  return [
    ...(effect.conflicts.length === 0
      ? [['ok', words.noConflict] satisfies [MarkName, string]]
      : effect.conflicts.map(({ says }): [MarkName, string] => [
          'no',
          `${words.conflict}: ${says}`,
        ])),
    effect.notice.kept
      ? ['ok', words.notice(deadline, spell(Math.max(0, deadlineAt - now.value)))]
      : ['no', words.noticeLate(deadline, words.countsAs[effect.notice.countsAs] ?? '')],
    ...loadChecksOf(effect),
    ...(effect.repeated.customers > 0
      ? [
          [
            'no',
            words.repeated(count(effect.repeated.customers), count(effect.customersInterrupted)),
          ] satisfies [MarkName, string],
        ]
      : []),
    effect.priorityPoints.length > 0
      ? ['no', words.priority(effect.priorityPoints.length)]
      : ['ok', words.noPriority],
    ...(effect.unreachable !== null && effect.unreachable.count > 0
      ? [['stale', words.unreachable(effect.unreachable.count)] satisfies [MarkName, string]]
      : []),
  ]
}

/** Limits that switching would pass, by which loads; what runs in parallel meanwhile. */
function loadChecksOf(effect: WorkEffect): [MarkName, string][] {
  const [words, more] = [w.value, ww.value]
  if (!effect.loadsKnown) return [['stale', words.loadsUnknown]]
  const basis = more.loadsOf[effect.loadsBasis ?? ''] ?? ''
  const units = effect.unitsPassed.map(({ unit }) => unit).join(', ')
  const pairs = effect.parallels.map(({ feeders }) => feeders.map((id) => id ?? '–').join(' / '))
  return [
    ...(effect.limitsPassed.length > 0
      ? [['ovl', `${words.limitPassed} (${basis})`] satisfies [MarkName, string]]
      : []),
    ...(units === ''
      ? []
      : [['ovl', `${more.transformers(units)} (${basis})`] satisfies [MarkName, string]]),
    ...(pairs.length === 0
      ? []
      : [['stale', more.parallels(pairs.join(', '))] satisfies [MarkName, string]]),
  ]
}

/** The least that makes a draft; its effect is shown before anything else can be done with it. */
function NewWork() {
  const words = w.value
  const more = ww.value
  const [said, setSaid] = useState('')
  const draft = async (form: HTMLFormElement) => {
    const given = new FormData(form)
    const text = (name: string) => {
      const value = given.get(name)
      return typeof value === 'string' ? value.trim() : ''
    }
    const listed = (name: string) => {
      const ids = text(name).split(/[,，、]/)
      return ids.map((id) => id.trim()).filter((id) => id !== '')
    }
    const step = (position: 'open' | 'closed') => (id: string) => ({ switch: id, position })
    const [from, until] = [instantOfClock(text('from')), instantOfClock(text('until'))]
    if (from === null || until === null) return setSaid(more.noSuchTime(zoneName))
    const answer = await send<Work>('/api/v1/works', {
      title: text('title'),
      reason: text('reason'),
      responsible: text('responsible'),
      method: text('method'),
      kind: text('kind'),
      crew: text('crew') || null,
      assets: listed('assets'),
      // What takes over is closed first, so that nobody is without supply between the two.
      steps: [...listed('closes').map(step('closed')), ...listed('switch').map(step('open'))],
      window: { from: toIso(from), until: toIso(until) },
    })
    if (!answer.ok) return setSaid(answer.problem.detail || answer.problem.title)
    setSaid('')
    form.reset()
    await readWorks()
    ask({ work: answer.value.id })
  }
  return (
    <details class="new noprint">
      <summary>{words.newWork}</summary>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault()
          void draft(event.currentTarget)
        }}
      >
        <Wanted label={words.workTitle} name="title" />
        <Wanted label={words.reason} name="reason" />
        <Wanted label={words.responsible} name="responsible" />
        <label>
          {words.method}
          <select name="method">
            {Object.entries(words.methods).map(([value, word]) => (
              <option key={value} value={value}>
                {word}
              </option>
            ))}
          </select>
        </label>
        <label>
          {more.kind}
          <select name="kind">
            {Object.entries(more.kinds).map(([value, word]) => (
              <option key={value} value={value}>
                {word}
              </option>
            ))}
          </select>
        </label>
        <Wanted label={more.crew} name="crew" required={false} />
        <Wanted label={`${more.assets} (${more.listHint})`} name="assets" required={false} />
        <Wanted label={`${words.from} (${zoneName})`} name="from" moment />
        <Wanted label={`${words.until} (${zoneName})`} name="until" moment />
        <Wanted label={`${words.opens} (${more.listHint})`} name="switch" required={false} />
        <Wanted label={`${more.closes} (${more.listHint})`} name="closes" required={false} />
        <button type="submit" class="go">
          {words.draft}
        </button>
      </form>
      <p role="alert">{said}</p>
    </details>
  )
}

/** Room for a list of ids. */
const LIST_CHARS_MAX = 2000

const Wanted = (parts: { label: string; name: string; moment?: boolean; required?: boolean }) => {
  const isList = ['assets', 'switch', 'closes'].includes(parts.name)
  const maxLength = isList ? LIST_CHARS_MAX : 128
  const given = { name: parts.name, required: parts.required ?? true, maxLength }
  return (
    <label>
      {parts.label}
      {parts.moment === true ? <input type="datetime-local" {...given} /> : <input {...given} />}
    </label>
  )
}
