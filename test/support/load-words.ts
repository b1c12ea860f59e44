import type { LoadReading } from '../../src/ledger/observation.ts'

let seq = 0
/** A load as a gateway said it, and as we heard it in the same instant. */
export const loadWord = (
  point: string,
  at: number,
  kw: number,
  more: Partial<LoadReading> = {},
): LoadReading => ({
  kind: 'load',
  gateway: 'gw',
  point,
  seq: seq++,
  at,
  receivedAt: at,
  kw,
  kvar: 0,
  amps: null,
  kv: null,
  ...more,
})
