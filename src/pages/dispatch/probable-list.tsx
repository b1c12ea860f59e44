import { useEffect } from 'preact/hooks'
import { count, hhmm, hoursMinutes } from '../language.ts'
import { now } from '../page-clock.ts'
import { list, LISTS, past } from './board.ts'
import {
  chooseGuess,
  chosenGuess,
  confirmGuess,
  guesses,
  guessProblem,
  type Guess,
} from './probable.ts'
import { guessWords } from './probable-words.ts'
import { w } from './words.ts'

export function GuessTab() {
  return (
    <button
      type="button"
      class="tab"
      aria-pressed={list.value === 'probable'}
      onClick={() => (list.value = 'probable')}
    >
      {w.value.lists.probable} <b>{guesses.value.length}</b>
      <kbd class="wide">{LISTS.length + 2}</kbd>
    </button>
  )
}

/** What meters and customers make probable and nobody has confirmed: to be looked into, and no alarm. */
export function GuessList() {
  const words = guessWords.value
  const shown = guesses.value
  return (
    <section class="agenda probable" tabIndex={0} aria-label={w.value.lists.probable}>
      {guessProblem.value !== null && <p class="empty">{words.notRead(guessProblem.value)}</p>}
      {shown.length === 0 ? (
        <p class="empty">{past.value === null ? words.none : words.past}</p>
      ) : (
        <>
          <h3 class="inside">{words.head}</h3>
          <table>
            <thead>
              <tr>
                <th scope="col">{words.col.where}</th>
                <th scope="col">{words.col.feeder}</th>
                <th scope="col" class="n">
                  {words.customers}
                </th>
                <th scope="col" class="n">
                  {words.since}
                </th>
                <th scope="col" class="n">
                  {words.lasts}
                </th>
                <th scope="col">{words.col.evidence}</th>
                <th scope="col">{words.act}</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((guess) => (
                <Row key={guess.key} guess={guess} chosen={guess.key === chosenGuess.value} />
              ))}
            </tbody>
          </table>
        </>
      )}
    </section>
  )
}

function Row({ guess, chosen }: { guess: Guess; chosen: boolean }) {
  const words = guessWords.value
  const { device, evidence } = guess
  const sinceAt = Date.parse(guess.since)
  const where = device ?? words.noSwitch(guess.loadPoints.join(', '))
  useEffect(() => {
    if (chosen) document.querySelector('.probable .sel')?.scrollIntoView({ block: 'nearest' })
  }, [chosen])
  return (
    <tr
      class={chosen ? 'sel' : ''}
      aria-current={chosen ? 'true' : undefined}
      onClick={() => chooseGuess(guess)}
    >
      <td class="clip">
        <button type="button" class="plain" onClick={() => chooseGuess(guess)}>
          {where}
        </button>
      </td>
      <td class="clip">{guess.feeder}</td>
      <td class="n">
        <b>{count(guess.customers)}</b>
      </td>
      <td class="n nw">{hhmm(sinceAt)}</td>
      <td class="n">{hoursMinutes(now.value - sinceAt)}</td>
      <td class="words">
        {device === null
          ? words.alone(count(evidence.dark), evidence.lit)
          : words.evidence(
              count(evidence.dark),
              evidence.darkLoadPoints,
              evidence.darkLoadPoints + evidence.silentLoadPoints,
            )}
      </td>
      <td class="nw">
        <button
          type="button"
          aria-label={words.confirmOf(device ?? guess.loadPoints.join(', '))}
          onClick={(event) => {
            event.stopPropagation()
            confirmGuess(guess)
          }}
        >
          {words.confirm}
        </button>
      </td>
    </tr>
  )
}
