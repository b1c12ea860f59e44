import { signal } from '@preact/signals'
import { render } from 'preact'
import { MS_PER_MIN, MS_PER_S, type EpochMs } from '../../time.ts'
import { read } from '../api.ts'
import { Header } from '../header.tsx'
import { count, hhmm, phones, spell, utilityName, when } from '../language.ts'
import { StateWord } from '../marks.tsx'
import { now, pageTime, startClock } from '../page-clock.ts'
import { StormBanner } from '../storm-banner.tsx'
import { AreaMap } from './area-map.tsx'
import { sayCount, sizeOf, type Outages, type Pointer } from './outages.ts'
import { w } from './words.ts'

/** A copy is renewed this often; the service keeps its own for a few seconds, whoever asks. */
const ASK_EVERY_MS = 20 * MS_PER_S
/** Older than this, the page says so before its numbers are believed. */
const OLD_MS = 2 * MS_PER_MIN

const outages = signal<Outages | null>(null)
const trueAt = signal<EpochMs | null>(null)
const failing = signal(false)
const search = signal('')

/** The name of the snapshot that is shown; what it says never changes. */
let shown = ''

/** A small pointer says whether there is anything new; what it points to comes from the nearest copy. */
async function readOutages(): Promise<void> {
  const pointer = await read<Pointer>('/public/outages')
  failing.value = !pointer.ok
  if (!pointer.ok) return
  const { snapshot, asOf } = pointer.value
  if (snapshot !== shown) {
    const answer = await read<Outages>(snapshot)
    // It may not be kept any more, or be known to another gateway alone.
    if (!answer.ok) return readWhole()
    outages.value = answer.value
    shown = snapshot
  }
  trueAt.value = Date.parse(asOf)
}

async function readWhole(): Promise<void> {
  const answer = await read<Outages>('/public/outages.geojson')
  failing.value = !answer.ok
  if (!answer.ok) return
  shown = ''
  outages.value = answer.value
  trueAt.value = answer.value.asOf === undefined ? pageTime() : Date.parse(answer.value.asOf)
}

function Public() {
  const words = w.value
  const known = outages.value
  return (
    <>
      <Header current="/" />
      <StormBanner storms={known?.storms} />
      <Head />
      {known !== null && known.features.length > 0 && (
        <main class="two">
          <a class="skip" href="#list">
            {words.skip}
          </a>
          <AreaMap outages={known} />
          <List outages={known} />
        </main>
      )}
    </>
  )
}

function Head() {
  const words = w.value
  const known = outages.value
  const at = trueAt.value
  const ageMs = at === null ? 0 : now.value - at
  return (
    <div class="head">
      {known === null ? (
        <h1>{failing.value ? words.failed : words.reading}</h1>
      ) : (
        <h1>
          {known.features.length === 0 ? words.none : sum(known)}{' '}
          {known.features.length > 0 && (
            <span class="mute">{words.areas(known.features.length)}</span>
          )}
        </h1>
      )}
      {at !== null &&
        (ageMs > OLD_MS || failing.value ? (
          <p class="old">
            <b>{ageMs < MS_PER_MIN ? words.cutOff(hhmm(at)) : words.old(spell(ageMs), hhmm(at))}</b>
          </p>
        ) : (
          <p class="upd">
            {words.updated(
              hhmm(at),
              ageMs < MS_PER_MIN
                ? words.secondsAgo(Math.max(0, Math.floor(ageMs / MS_PER_S)))
                : words.minutesAgo(Math.floor(ageMs / MS_PER_MIN)),
            )}
          </p>
        ))}
      <a class="btn go" href="/my">
        {words.my}
      </a>
    </div>
  )
}

function sum({ customersOut }: Outages): string {
  if (customersOut === undefined) return ''
  return typeof customersOut === 'number'
    ? w.value.sum(count(customersOut))
    : w.value.sumUpTo(count(customersOut.max))
}

function List({ outages: { features } }: { outages: Outages }) {
  const words = w.value
  const asked = search.value.trim().toLowerCase()
  const shown = features.filter(({ properties }) =>
    (properties.area ?? words.elsewhere).toLowerCase().includes(asked),
  )
  const sorted = [...shown].sort(
    (a, b) => sizeOf(b.properties.customersOut) - sizeOf(a.properties.customersOut),
  )
  return (
    <section class="list" id="list" tabIndex={-1}>
      <input
        type="search"
        aria-label={words.search}
        placeholder={words.search}
        value={search.value}
        onInput={(event) => (search.value = event.currentTarget.value)}
      />
      <table>
        <thead>
          <tr>
            <th scope="col">{words.area}</th>
            <th scope="col" class="n">
              {words.out}
            </th>
            <th scope="col">{words.state}</th>
            <th scope="col" class="n">
              {words.outages}
            </th>
            <th scope="col" class="n">
              {words.since}
            </th>
          </tr>
        </thead>
        <tbody>
          {sorted.map(({ properties }) => (
            <tr key={properties.area}>
              <th scope="row">{properties.area ?? words.elsewhere}</th>
              <td class="n">
                <b>{sayCount(properties.customersOut)}</b>
              </td>
              <td>
                <StateWord of="out">{words.isOut}</StateWord>
              </td>
              <td class="n">{sayCount(properties.outages)}</td>
              <td class="n nw">{when(Date.parse(properties.since), now.value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length === 0 && <p role="status">{words.nothing(search.value)}</p>}
      <p class="mute">{words.masked}</p>
      <p class="mute">
        {words.notListed} <a href="/my">{words.tell}</a>
        {words.notListedEnd}
      </p>
      <p>
        <b>{words.wires(phones.emergency)}</b>
      </p>
      {phones.utility !== null && <p>{words.ours(phones.utility)}</p>}
    </section>
  )
}

startClock()
setInterval(() => void readOutages(), ASK_EVERY_MS)
addEventListener('online', () => void readOutages())
document.title = utilityName
const app = document.getElementById('app')
// The list that the service wrote into the page stands until there is one to put in its place.
void readOutages().then(() => {
  if (app === null) return
  app.textContent = ''
  render(<Public />, app)
})
