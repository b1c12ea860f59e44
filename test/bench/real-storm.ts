// A real storm through the product's rules on simulated time: what customers would have been told, and how good the estimates were.
//   node --import=tsx test/bench/real-storm.ts
import {
  judgeReplay,
  perHousehold,
  readPolls,
  replayStorm,
  stormMissing,
} from '../support/real-storm.ts'
import { joinParts } from '../support/storm-parts.ts'
import { report } from './figure.ts'

/** The limits of what people put up with. */
const NOTICES_PER_CUSTOMER_MAX = 3

const missing = stormMissing()
if (missing !== false) {
  console.error(missing)
} else {
  const polls = readPolls()
  const joined = joinParts(polls)
  for (const technicians of [false, true]) {
    const replay = replayStorm(polls, { technicians })
    const { perCustomer, byKind, pastEstimates, contradictions, ours, theirs } = judgeReplay(replay)
    const bench = technicians ? 'real storm, with the crews of then' : 'real storm, history alone'
    const { outages, peakOut, interrupted } = replay
    report({
      bench,
      figure: 'notices a customer and outage',
      value: perCustomer,
      unit: 'notices',
      limit: { atMost: NOTICES_PER_CUSTOMER_MAX },
      outages: outages.length,
      peakOut,
      interrupted,
      byKind,
    })
    const whole = replayStorm(joined, { technicians })
    const household = perHousehold(whole)
    report({
      bench,
      figure: 'notices a household, all its outages together',
      value: household.all,
      unit: 'notices',
      limit: { atMost: NOTICES_PER_CUSTOMER_MAX },
      offAndOn: household.offAndOn,
      outages: whole.outages.length,
      contradictions: judgeReplay(whole).contradictions.length,
    })
    const none = { atMost: 0 }
    report({ bench, figure: 'contradictions', value: contradictions.length, unit: '', limit: none })
    report({
      bench,
      figure: 'estimates in the past',
      value: pastEstimates.length,
      unit: '',
      limit: none,
    })
    report({
      bench,
      figure: 'median error of the first estimate, later half',
      value: ours.medianErrorMin,
      unit: 'min',
      peer: { name: "the utility's own", value: theirs.medianErrorMin },
      ours,
      theirs,
    })
    report({
      bench,
      figure: 'share back within the 80 % band, later half',
      value: ours.withinRangeShare ?? 0,
      unit: 'share',
    })
  }
}
