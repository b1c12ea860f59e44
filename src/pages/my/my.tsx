import { signal } from '@preact/signals'
import { render } from 'preact'
import { MS_PER_MIN } from '../../time.ts'
import { adoptToken, signIn, token } from '../api.ts'
import { causeWord } from '../causes.ts'
import { date, day, hhmm, language, phones, spell, utilityName } from '../language.ts'
import { connection } from '../live.ts'
import { Header } from '../header.tsx'
import { now, startClock } from '../page-clock.ts'
import { SignIn } from '../sign-in.tsx'
import { Answer, Facts, Reports } from './answer.tsx'
import { changes, failing, me, openMe, trueAt, type MyPoint } from './me.ts'
import { Care } from './care.tsx'
import { Preferences } from './preferences.tsx'
import { StormBanner } from '../storm-banner.tsx'
import { w } from './words.ts'

/** Older than this, the page says so before anything else. */
const OLD_MS = 2 * MS_PER_MIN

const chosen = signal(0)

function My() {
  const words = w.value
  if (token.value === null || (signIn.value === 'refused' && me.value === null)) {
    return (
      <>
        <Header current="/my" />
        <SignIn words={words} />
      </>
    )
  }
  const points = me.value?.servicePoints ?? []
  const point = points[chosen.value] ?? points[0]
  return (
    <>
      <Header current="/my" />
      <StormBanner storms={me.value?.storms} />
      <Age />
      {me.value === null ? (
        <p class="upd" role="status">
          {failing.value ? words.failed : words.reading}
        </p>
      ) : point === undefined ? (
        <p class="upd">{words.noPoints}</p>
      ) : (
        <div class="grid">
          <main>
            {points.length > 1 && (
              <label class="which">
                {words.choose}{' '}
                <select
                  value={chosen.value}
                  onChange={(event) => (chosen.value = Number(event.currentTarget.value))}
                >
                  {points.map(({ id }, index) => (
                    <option key={id} value={index}>
                      {id}
                    </option>
                  ))}
                </select>
              </label>
            )}
            <Answer point={point} name={point.id} />
            <Reports key={point.id} point={point} />
            <Facts point={point} />
            <div class="safe">
              {point.supply !== 'on' && <p>{words.wires(phones.emergency)}</p>}
              <p>{words.medical}</p>
              {phones.utility !== null && <p>{words.ours(phones.utility)}</p>}
            </div>
          </main>
          <div class="side">
            <Changes point={point} />
            <Planned point={point} />
            <History point={point} />
            <Preferences />
            <Care key={point.id} point={point} />
            <footer>
              <p class="lk">
                <a href="/">{words.all}</a>
                <button type="button" class="plain noprint" onClick={() => print()}>
                  {words.print}
                </button>
              </p>
            </footer>
          </div>
        </div>
      )}
    </>
  )
}

function Age() {
  const words = w.value
  if (trueAt.value === null) return null
  const ageMs = now.value - trueAt.value
  const minutes = Math.floor(ageMs / MS_PER_MIN)
  if (ageMs > OLD_MS || failing.value) {
    return (
      <p class="upd old" role="status">
        <b>
          {minutes === 0
            ? words.cutOff(hhmm(trueAt.value))
            : words.old(spell(ageMs), hhmm(trueAt.value))}
        </b>
      </p>
    )
  }
  const ago = minutes === 0 ? words.justNow : words.minAgo(minutes)
  return (
    <p class="upd">
      {words.updated(`${day(trueAt.value)} ${hhmm(trueAt.value)}`, ago)}
      {connection.value === 'open' && ` · ${words.live}`}
    </p>
  )
}

function Changes({ point }: { point: MyPoint }) {
  const words = w.value
  const mine = changes.value.filter(
    ({ points }) => points.length === 0 || points.includes(point.id),
  )
  if (mine.length === 0) return null
  return (
    <section class="more">
      <h2>{words.changed}</h2>
      <ol class="tl">
        {mine.map((change) => (
          <li key={change.seq}>
            <time>{hhmm(Date.parse(change.at))}</time>
            {change.text[language.value]}
          </li>
        ))}
      </ol>
    </section>
  )
}

function Planned({ point }: { point: MyPoint }) {
  const words = w.value
  if (point.plannedWork === undefined) return null
  return (
    <section class="more">
      <h2>{words.plannedNear}</h2>
      {point.plannedWork.length === 0 && <p class="sum">{words.plannedNone}</p>}
      <ul>
        {point.plannedWork.map((work) => {
          const from = Date.parse(work.from)
          const until = Date.parse(work.until)
          return (
            <li key={work.id} class="sum">
              <b>{words.plannedAt(day(from), hhmm(from), hhmm(until))}</b>
              {work.reason !== null && work.reason !== undefined && <> · {work.reason}</>}
            </li>
          )
        })}
      </ul>
    </section>
  )
}

function History({ point }: { point: MyPoint }) {
  const words = w.value
  const past = point.history.interruptions
  const totalMs = past.reduce((sum, each) => sum + each.minutes * MS_PER_MIN, 0)
  return (
    <section class="more">
      <h2>{words.history}</h2>
      <p class="sum">
        {past.length === 0 ? words.historyNone : words.historySum(past.length, spell(totalMs))}
      </p>
      {past.length > 0 && (
        <table>
          <thead class="vh">
            <tr>
              <th scope="col">{words.day}</th>
              <th scope="col">{words.cause}</th>
              <th scope="col">{words.length}</th>
            </tr>
          </thead>
          <tbody>
            {past.map((each) => (
              <tr key={each.from}>
                <td>{date(Date.parse(each.from))}</td>
                <td>
                  {each.cause === null
                    ? (words.kinds[each.kind] ?? '')
                    : causeWord(each.cause, language.value)}
                </td>
                <td class="n nw">{spell(each.minutes * MS_PER_MIN)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

adoptToken()
startClock()
document.title = utilityName
const app = document.getElementById('app')
/** The answer that the service itself wrote into the page, for whoever signed in by its form. */
const served = app?.querySelector<HTMLElement>('.mine') ?? null
const show = () => {
  if (app === null) return
  app.textContent = ''
  render(<My />, app)
}
if (token.value !== null) {
  const asked = openMe()
  if (served === null || me.value !== null) show()
  else void asked.then(show)
} else if (served === null) show()
else document.documentElement.lang = served.lang
if ('serviceWorker' in navigator) void navigator.serviceWorker.register('/sw.js')
