// The hourly forecast a week ahead on real feeder years, daily origins over their last three months, which tuned nothing: its errors beside those
// of the same hour last week, and how often its 80 % band held. One JSON line a figure.
//   node --import=tsx test/bench/forecast.ts
import { NO_FEEDER_YEARS, readFeederYears, score } from '../support/feeder-years.ts'
import { report } from './figure.ts'

const BENCH = 'forecast'
const PEER = 'the same hour last week'
/** Of 80 per cent, either way. */
const BAND_OFF_MAX = 8

if (NO_FEEDER_YEARS !== false) {
  console.error(`left out: ${NO_FEEDER_YEARS}`)
  process.exit(0)
}
for (const { circuit, name, series } of readFeederYears()) {
  const started = performance.now()
  const ours = score(series)
  const seconds = (performance.now() - started) / 1000
  const naive = score(series, 'seasonalNaive')
  const year = `${circuit} ${name}`
  report({
    bench: BENCH,
    figure: `${year}: mean absolute percentage error`,
    value: (ours.mape / ours.hours) * 100,
    unit: '%',
    peer: { name: PEER, value: (naive.mape / naive.hours) * 100 },
    limit: { atMost: 1 },
    hours: ours.hours,
    seconds: Number(seconds.toFixed(1)),
  })
  report({
    bench: BENCH,
    figure: `${year}: pinball loss`,
    value: (ours.pinball / ours.hours) * 100,
    unit: '% of the peak',
    peer: { name: PEER, value: (naive.pinball / naive.hours) * 100 },
    limit: { atMost: 1 },
  })
  const heldPct = (ours.covered / ours.hours) * 100
  report({
    bench: BENCH,
    figure: `${year}: hours within the 80 % band, off by`,
    value: Math.abs(heldPct - 80),
    unit: 'percentage points',
    limit: { atMost: BAND_OFF_MAX },
    heldPct: Number(heldPct.toFixed(1)),
  })
}
