import { computed, effect, signal, untracked } from '@preact/signals'
import { MS_PER_MIN } from '../../time.ts'
import { now } from '../page-clock.ts'
import { unacknowledged, untakenMs } from './alarms.ts'

const SOUND_KEY = 'relight.sound'
const TONE_S = 0.16
/** One short sound a priority, told apart by pitch and by how often it sounds. */
const TONES: Record<1 | 2 | 3, { hertz: number; times: number }> = {
  1: { hertz: 880, times: 3 },
  2: { hertz: 587, times: 2 },
  3: { hertz: 392, times: 1 },
}

export const soundOn = signal(localStorage.getItem(SOUND_KEY) === 'on')
let player: AudioContext | undefined

/** Turning it on sounds once: that is the test. */
export function turnSound(): void {
  soundOn.value = !soundOn.value
  localStorage.setItem(SOUND_KEY, soundOn.value ? 'on' : 'off')
  if (soundOn.value) play(2)
}

function play(priority: 1 | 2 | 3): void {
  player ??= new AudioContext()
  const { hertz, times } = TONES[priority]
  for (let i = 0; i < times; i++) {
    const tone = player.createOscillator()
    const level = player.createGain()
    level.gain.value = 0.15
    tone.frequency.value = hertz
    tone.connect(level).connect(player.destination)
    tone.start(player.currentTime + i * TONE_S * 1.5)
    tone.stop(player.currentTime + i * TONE_S * 1.5 + TONE_S)
  }
}

/** What nobody took sounds again this often. */
const AGAIN_MS = MS_PER_MIN
const round = computed(() => Math.floor(now.value / AGAIN_MS))

let known = new Set<string>()
export function soundAlarms(): void {
  effect(() => {
    const fresh = unacknowledged.value.filter(({ key }) => !known.has(key))
    known = new Set(unacknowledged.value.map(({ key }) => key))
    const [first] = fresh
    if (first !== undefined && soundOn.peek()) play(first.priority)
  })
  effect(() => {
    void round.value
    const untaken = untracked(() =>
      unacknowledged.value.find((alarm) => untakenMs(alarm) !== undefined),
    )
    if (untaken !== undefined && soundOn.peek()) play(untaken.priority)
  })
}
