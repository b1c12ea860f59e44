import type { EpochMs } from './time.ts'

/** The only place that reads the wall clock; everyone else is handed the time. */
export type Clock = () => EpochMs

export const systemClock: Clock = () => Date.now()
