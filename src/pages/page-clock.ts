import { signal } from '@preact/signals'
import { systemClock } from '../clock.ts'
import { MS_PER_S, type EpochMs } from '../time.ts'

/** A second either way is the grain of the `Date` header; below this the two clocks agree. */
const CLOCKS_AGREE_MS = 2 * MS_PER_S

let aheadMs = 0

/** The service's time: ages on the screen must not depend on how the reader's own clock stands. */
export const pageTime = (): EpochMs => systemClock() + aheadMs

/** Ticks once a second; what shows an age reads it. */
export const now = signal<EpochMs>(pageTime())

export function hearServerTime(date: string | null): void {
  const served = date === null ? NaN : Date.parse(date)
  if (Number.isNaN(served)) return
  const apartMs = served - systemClock()
  aheadMs = Math.abs(apartMs) > CLOCKS_AGREE_MS ? apartMs : 0
}

export function startClock(): void {
  setInterval(() => (now.value = pageTime()), MS_PER_S)
}
