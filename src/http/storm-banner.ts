import { stormText, type Storm } from '../notices/storm.ts'
import { shownEtr } from '../notices/told.ts'
import { toIso, type EpochMs } from '../time.ts'

/** Storm mode as everyone may read it; `area` null: everywhere. */
export function stormBanner(storm: Storm, at: EpochMs, timeZone: string) {
  const shown = shownEtr(storm.etr, at)
  const etr = shown.etr === 'given' ? shown.value : null
  return {
    area: storm.area,
    since: toIso(storm.declaredAt),
    etr: etr && {
      at: toIso(etr.at),
      earliest: etr.earliest === null ? null : toIso(etr.earliest),
      latest: etr.latest === null ? null : toIso(etr.latest),
    },
    text: stormText(storm, { at, settings: { timeZone, noticeHoldS: 0 } }),
  }
}
