import { render } from 'preact'
import { effect } from '@preact/signals'
import { adoptToken, signIn, token } from '../api.ts'
import { count, day, hhmm } from '../language.ts'
import { connection, lastHeardAt } from '../live.ts'
import { now, startClock } from '../page-clock.ts'
import { SignIn } from '../sign-in.tsx'
import { ActPanel } from './act-panel.tsx'
import { Agenda, AgendaBar } from './agenda.tsx'
import { AlarmList } from './alarm-list.tsx'
import { alarms } from './alarms.ts'
import { list, openBoard, out, past, readProblem, unplanned } from './board.ts'
import { followCalls } from './calls.ts'
import { helpOpen } from './desk.ts'
import { Detail } from './detail.tsx'
import { followDetail } from './detail-data.ts'
import { followFindings } from './findings.tsx'
import { LimitList } from './limit-list.tsx'
import { followLoads } from './limits.ts'
import { presentState } from './network.ts'
import { listenToKeys } from './keys.ts'
import { MapPanel } from './map-panel.tsx'
import { PastSlider } from './past-slider.tsx'
import { followGuesses } from './probable.ts'
import { GuessList } from './probable-list.tsx'
import { singleKeysOn, turnSingleKeys } from './single-keys.ts'
import { StormLines } from './storm-act.tsx'
import { followStorms } from './storms.ts'
import { soundAlarms } from './sound.ts'
import { age, Feed, fieldAgeMs, STALE_LINE_MS, TopBar } from './top-bar.tsx'
import { w } from './words.ts'

/** Screen readers hear a summary this often, not every change. */
const SAY_EVERY_MS = 60_000

function Console() {
  if (token.value === null || signIn.value === 'refused') return <SignIn words={w.value} />
  const fieldMs = fieldAgeMs()
  const stale = fieldMs !== null && fieldMs > STALE_LINE_MS
  return (
    <>
      <TopBar />
      <div class="strips">
        <p class="feed-line">
          <Feed />
        </p>
        <Lines staleMs={stale ? fieldMs : null} />
        <AlarmList />
      </div>
      <main>
        <div class="left">
          <AgendaBar />
          {list.value === 'limits' ? (
            <LimitList />
          ) : list.value === 'probable' ? (
            <GuessList />
          ) : (
            <Agenda />
          )}
          <Detail />
        </div>
        <div class="right">
          <MapPanel faded={stale || connection.value === 'lost'} />
          <PastSlider />
          <ActPanel />
        </div>
      </main>
      <Help />
      <Summary />
    </>
  )
}

/** Words across the page when what it shows is not what is. */
function Lines({ staleMs }: { staleMs: number | null }) {
  const words = w.value
  const problem = readProblem.value
  return (
    <>
      {connection.value === 'lost' && (
        <p class="line" role="status">
          {words.lostLine(age(now.value - lastHeardAt.value))}
        </p>
      )}
      {staleMs !== null && <p class="line">{words.staleLine(age(staleMs))}</p>}
      {problem !== null && (
        <p class="line" role="alert">
          {words.readFailed(problem.detail || problem.title || words.act.noAnswer)}
        </p>
      )}
      <StormLines />
      {past.value !== null && (
        <p class="line">
          <b>{words.pastLine(`${day(past.value)} ${hhmm(past.value)}`)}</b>{' '}
          <button type="button" onClick={() => (past.value = null)}>
            {words.backToNow}
          </button>
        </p>
      )}
    </>
  )
}

function Help() {
  const words = w.value.help
  if (!helpOpen.value) return null
  return (
    <aside class="help" aria-label={words.head}>
      <h2>{words.head}</h2>
      <dl>
        {words.rows.map(([keys, does]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p>
        <button type="button" aria-pressed={singleKeysOn.value} onClick={turnSingleKeys}>
          {words.single} {singleKeysOn.value ? w.value.on : w.value.off}
        </button>{' '}
        {words.singleWhat}
      </p>
    </aside>
  )
}

let saidAt = 0
let said = ''
function Summary() {
  const words = w.value
  if (now.value - saidAt > SAY_EVERY_MS) {
    saidAt = now.value
    said = words.title(count(unplanned.value.customers), out.value.length)
    if (alarms.value.length > 0) said += `. ${words.alarms}: ${alarms.value.length}`
  }
  return (
    <p class="vh" role="status">
      {said}
    </p>
  )
}

adoptToken()
startClock()
listenToKeys()
soundAlarms()
let opened = false
effect(() => {
  if (token.value === null || opened) return
  opened = true
  openBoard()
  // Whatever was heard may have been of a storm.
  effect(() => {
    if (presentState.value !== null) void followStorms()
  })
  followCalls()
  followDetail()
  followFindings()
  followGuesses()
  followLoads()
})
effect(() => {
  document.title = `${w.value.title(count(unplanned.value.customers), unplanned.value.outages)} · Relight`
})
const app = document.getElementById('app')
if (app !== null) render(<Console />, app)
