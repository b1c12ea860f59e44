import { computed, signal } from '@preact/signals'
import { MS_PER_S } from '../../time.ts'
import { read, token } from '../api.ts'
import { past, zone } from './board.ts'
import { openAct, pickDevice } from './desk.ts'
import { feederSubstation, switchNamed } from './network.ts'

/** What meters say changes in minutes; it is read this often. */
const ASK_EVERY_MS = 10 * MS_PER_S

/** An outage that meters and reports make probable (`outages` of GET /api/v1/probable). */
export type Guess = {
  readonly key: string
  readonly device: string | null
  readonly feeder: string | null
  readonly since: string
  readonly loadPoints: readonly string[]
  readonly customers: number
  readonly evidence: {
    readonly dark: number
    readonly lit: number
    readonly darkLoadPoints: number
    readonly silentLoadPoints: number
  }
}

const known = signal<readonly Guess[]>([])
/** Text: why they could not be read. */
export const guessProblem = signal<string | null>(null)

/** In the zone that is looked at, the most customers first; nothing is guessed about the past. */
export const guesses = computed<readonly Guess[]>(() =>
  past.value !== null
    ? []
    : known.value.filter(
        ({ feeder }) =>
          zone.value === '' || feeder === null || feederSubstation(feeder)?.id === zone.value,
      ),
)

export const chosenGuess = signal<string | null>(null)

export function chooseGuess({ key, device }: Guess): void {
  chosenGuess.value = key
  const index = device === null ? undefined : switchNamed(device)
  if (index !== undefined) pickDevice(index)
}

export function moveGuess(step: 1 | -1): void {
  const shown = guesses.value
  const here = shown.findIndex(({ key }) => key === chosenGuess.value)
  const next = shown[here < 0 ? 0 : Math.max(0, Math.min(shown.length - 1, here + step))]
  if (next !== undefined) chooseGuess(next)
}

/** It becomes an outage when somebody records that the switch is open, since when the first meter was dark. */
export function confirmGuess(guess: Guess): void {
  chooseGuess(guess)
  openAct({
    kind: 'switch',
    switch: guess.device ?? '',
    position: 'open',
    since: Date.parse(guess.since),
  })
}

async function readGuesses(): Promise<void> {
  if (token.value === null) return
  const answer = await read<{ outages: readonly Guess[] }>('/api/v1/probable')
  guessProblem.value = answer.ok ? null : answer.problem.detail || answer.problem.title
  if (answer.ok) known.value = answer.value.outages
}

export function followGuesses(): void {
  void readGuesses()
  setInterval(() => void readGuesses(), ASK_EVERY_MS)
}
