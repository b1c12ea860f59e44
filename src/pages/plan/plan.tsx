import { effect } from '@preact/signals'
import { render } from 'preact'
import { adoptToken, signIn, token } from '../api.ts'
import { startClock } from '../page-clock.ts'
import { SignIn } from '../sign-in.tsx'
import { Balance } from './balance.tsx'
import { Explain } from './explain.tsx'
import { AgainstRulebook } from './difference.tsx'
import { Beside } from './beside.tsx'
import { FiledMonths } from './filed.tsx'
import { FeederPage } from './feeder.tsx'
import { Head } from './head.tsx'
import { MajorDaysPlot } from './major-days.tsx'
import { OftenMap } from './often-map.tsx'
import { Lists } from './lists.tsx'
import { Months } from './months.tsx'
import { Indices } from './indices.tsx'
import { followAddress, question } from './question.ts'
import {
  followQuestion,
  problem,
  reading,
  reports,
  shownIndex,
  type Reports,
} from './report-data.ts'
import { Causes, Feeders } from './tables.tsx'
import { Upkeep } from './upkeep.tsx'
import { w } from './words.ts'
import { Works } from './works.tsx'
import { followWorks } from './works-data.ts'

function Plan() {
  if (token.value === null || signIn.value === 'refused') return <SignIn words={w.value} />
  const words = w.value
  const shown = reports.value
  const { explain: wanted, view } = question.value
  const explain = wanted && view === 'reliability'
  return (
    <div class={explain ? 'page explained' : 'page'}>
      <Head />
      <main class="body" aria-busy={reading.value}>
        <p class="status" role="status">
          {problem.value === null
            ? reading.value && words.reading
            : words.failed(problem.value.detail || problem.value.title || words.noAnswer)}
        </p>
        {view === 'reliability' && shown !== null && <Report shown={shown} />}
        {view === 'balance' && <Balance />}
        {view === 'works' && <Works />}
        {view === 'upkeep' && <Upkeep />}
        {view === 'filed' && <FiledMonths />}
      </main>
      {explain && shown !== null && <Explain shown={shown} />}
    </div>
  )
}

function Report({ shown }: { shown: Reports }) {
  const [row] = shown.system.rows
  if (row === undefined) return null
  const symbol = shownIndex(row, question.value.index)
  return (
    <>
      <Indices shown={shown} symbol={symbol} />
      {row.cmi === 0 && <p class="empty">{w.value.nothing}</p>}
      <div class="two">
        <Months shown={shown} symbol={symbol} />
        <MajorDaysPlot shown={shown} />
      </div>
      {shown.of.feeder === null ? (
        <Feeders shown={shown} symbol={symbol} />
      ) : (
        <FeederPage shown={shown} feeder={shown.of.feeder} />
      )}
      <Causes shown={shown} symbol={symbol} />
      <OftenMap shown={shown} />
      <Lists of={shown.of} />
      <Beside of={shown.of} />
      <AgainstRulebook of={shown.of} />
    </>
  )
}

adoptToken()
startClock()
followAddress()
let opened = false
effect(() => {
  if (token.value === null || opened) return
  opened = true
  followQuestion()
  followWorks()
})
effect(() => {
  document.title = `${w.value.title} · Relight`
})
const app = document.getElementById('app')
if (app !== null) render(<Plan />, app)
